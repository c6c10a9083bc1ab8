"""What each network that looks at RGB costs on this machine: a pass, a training step, memory.

Every row of the papers' tables that is a network of its own, at the papers' sizes or (`--small`) at
those of `gesta reproduce --budget cpu`: 64x64 pictures for cross-attention, 128x128 for MMFF.

    OMP_NUM_THREADS=2 python benchmarks/fusion_cost.py [--small] [--batch 4] [--device cuda]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from gesta.bench import measure
from gesta.models import count, create_model
from gesta.training.machine import describe_machine, describe_versions

OUT = Path(__file__).parent / "results"
LAYOUT, CLASSES, PERSONS = "coco_17", 21, 1

# name: (model, frames, options); T of MMFF's recurrent rows is that of the paper's NTU table.
ROWS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "skeleton only": ("cross_attention", 16, {"variant": "skeleton_only"}),
    "RGB only": ("cross_attention", 16, {"variant": "rgb_only"}),
    "concatenation": ("cross_attention", 16, {"variant": "concat"}),
    "cross-attention, gcn6": ("cross_attention", 16, {}),
    "cross-attention, dot product": ("cross_attention", 16, {"form": "dot"}),
    "cross-attention, one-layer MLP": ("cross_attention", 16, {"form": "mlp1"}),
    "cross-attention, maximum over the context": ("cross_attention", 16, {"pool": "max"}),
    "self-attention only": ("cross_attention", 16, {"combine": "self_only"}),
    "cross-attention only": ("cross_attention", 16, {"combine": "cross_only"}),
    "cross-attention, multiplied": ("cross_attention", 16, {"combine": "multiplication"}),
    "cross-attention, gcn6, one context": ("cross_attention", 16, {"context_grid": 1}),
    "cross-attention, gcn3": ("cross_attention", 16, {"places": (3,)}),
    "cross-attention, gcn8": ("cross_attention", 16, {"places": (8,)}),
    "cross-attention, gcn3 and gcn6": ("cross_attention", 16, {"places": (3, 6)}),
    "cross-attention, gcn0": ("cross_attention", 16, {"places": (0,)}),
    "cross-attention, given features": (
        "cross_attention",
        16,
        {"context": "features", "context_channels": 1280},
    ),
    "Xception, one frame": ("xception_frame", 32, {}),
    "EfficientNet-Lite0, one frame": ("xception_frame", 32, {"image": "efficientnet_lite0"}),
    "MMFF, Bi-LSTM": ("mmff", 32, {"skeleton": "bi_lstm"}),
    "MMFF, Bi-LSTM, sum": ("mmff", 32, {"skeleton": "bi_lstm", "fusion": "sum"}),
    "MMFF, Bi-LSTM, decisions": ("mmff", 32, {"skeleton": "bi_lstm", "fusion": "decision"}),
    "MMFF, ST-GCN, decisions": ("mmff", 32, {"fusion": "decision"}),
    "MMFF, ST-GCN, 32 frames": ("mmff", 32, {}),
    "MMFF, ST-GCN, 300 frames": ("mmff", 300, {}),
    "MMFF, ST-GCN, no self-attention": ("mmff", 32, {"self_attention": False}),
    "MMFF, ST-GCN, no skeleton attention": ("mmff", 32, {"skeleton_attention": False}),
    "MMFF, ST-GCN, three RGB frames": ("mmff", 32, {"image_frames": 3, "share_frames": True}),
    "MMFF, ST-GCN, EfficientNet-Lite0": ("mmff", 32, {"image": "efficientnet_lite0"}),
}


def measured(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One row: sizes, and times and memory in every mode."""
    kind, frames, options = ROWS[name]
    if arguments.small:
        small = {"video_size": 64} if kind == "cross_attention" else {"image_size": 128}
        options = options | small
    model = create_model(kind, LAYOUT, CLASSES, frames=frames, persons=PERSONS, **options)
    cost = count(model, frames, PERSONS)
    timings = measure(
        model,
        frames=frames,
        persons=PERSONS,
        batch=arguments.batch,
        modes=("folded", "bf16", "train", "train_bf16"),
        device=arguments.device,
        rounds=arguments.rounds,
    )
    return {
        "name": name,
        "model": kind,
        "options": {key: str(value) for key, value in options.items()},
        "parameters": cost.parameters,
        "multiply_adds": cost.multiply_adds,
        "timings": [asdict(timing) for timing in timings],
    }


def main() -> None:
    """Measure every row and write the result after each, since the large ones take minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--beside", default="", help="what else the machine did meanwhile")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    out = arguments.out or OUT / f"fusion_cost_{'small' if arguments.small else 'full'}.json"
    document: dict[str, Any] = {
        "machine": describe_machine(torch.device(arguments.device)),
        "threads": torch.get_num_threads(),
        "versions": describe_versions(),
        "beside": arguments.beside,
        "clip": {"layout": LAYOUT, "classes": CLASSES, "persons": PERSONS},
        "batch": arguments.batch,
        "rounds": arguments.rounds,
        "rows": [],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        row = measured(name, arguments)
        document["rows"].append(row)
        out.write_text(json.dumps(document, indent=1) + "\n")
        for timing in row["timings"]:
            memory = timing["memory_mb"]
            said = "" if memory is None else f", {memory:.0f} MiB"
            each = timing["latency_ms"] / arguments.batch
            print(f"{name}: {timing['mode']} {each:.1f} ms a clip{said}", flush=True)


if __name__ == "__main__":
    main()
