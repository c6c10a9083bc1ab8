"""Latency and throughput of models on the machine at hand."""

from gesta.bench.measure import MODES, Timing, measure

__all__ = ["MODES", "Timing", "measure"]
