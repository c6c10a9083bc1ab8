"""Who is told how a training goes."""

from __future__ import annotations

from gesta.training.history import EpochRecord


class Observer:
    """Told how a training goes; this one keeps it to itself. Override what is of interest."""

    def begin(self, title: str, epochs: int, done: int) -> None:
        """A training of ``epochs`` epochs begins, ``done`` of them were done before."""

    def batch(self, epoch: int, done: int, total: int) -> None:
        """``done`` of the ``total`` steps of an epoch (from 0) are done."""

    def epoch(self, record: EpochRecord, kept: bool) -> None:
        """An epoch is done; ``kept`` where it is the best so far."""

    def say(self, text: str) -> None:
        """Something else happened."""
