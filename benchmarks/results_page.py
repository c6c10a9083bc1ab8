"""Write docs/results.md from the metrics in benchmarks/results.

    python benchmarks/results_page.py

Nothing on the page is written by hand but the sentences between the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fusion_page import fusion_section, machine_line, network_costs

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs" / "results.md"
MEASURES = ("top1", "top5", "mean_class_accuracy")
Metrics = dict[str, Any]

TITLES = {
    "utd_mhad": "UTD-MHAD, cross-subject",
    "nw_ucla": "NW-UCLA, cross-view",
    "sbu": "SBU Kinect Interaction, five folds",
    "jhmdb": "J-HMDB, poses alone, three splits",
}
# Published single numbers, as far as known; from papers, not measured here.
PUBLISHED = {
    "utd_mhad": "Kinect 66.1, JTM 85.8, SOS 87.0, JDM 88.1, Fusion-GCN (skeleton) 92.3, "
    "Gimme Signals 93.3",
    "nw_ucla": "HBRNN 78.5, TS-LSTM 89.2, AGC-LSTM 93.3, Shift-GCN 94.6, CTR-GCN 96.5 (four "
    "streams), HD-GCN 97.2, SkateFormer 98.3",
    "sbu": "Co-occurrence LSTM 90.4, ST-LSTM 93.3, GCA-LSTM 94.1, VA-LSTM 97.2, HCN 98.6",
    "jhmdb": "from estimated poses PoTion 57.0, P-CNN 61.1; STAR-Net 64.3, Chained 76.1, I3D "
    "pre-trained on Kinetics 85 to 90",
}
NOTES = {
    "nw_ucla": "95 of the 464 test clips are identical to a training clip in the files that are "
    "passed around. `cross_view_clean` leaves them out; judge by it. In view 2, which trains, "
    "subject 4's 11 clips of sitting down and standing up are labelled the wrong way round in the "
    "published files; `gesta prepare` corrects them, and these rows learnt from them corrected.",
    "sbu": "Each value is the mean of five folds; ± is the deviation over seeds, or over folds "
    "where there is one seed.",
    "jhmdb": "`gesta extract` made the archive of the 928 videos: MoveNet's poses, tracked. No "
    "model here sees a picture. Each value is the mean of the three official splits; ± is the "
    "deviation over seeds, or over splits where there is one seed.",
}

HEAD = """# Results

Made by `python benchmarks/run_results.py --data FOLDER` and `python benchmarks/results_page.py`;
the metrics of each row stand in `benchmarks/results`. Every row is a final run: the recipe and the
number of epochs were fixed on a validation part cut from the training part, then the model was
trained on both, and the test part was scored once. Fusion weights were learnt on validation scores.
± is the standard deviation over seeds. Per cent; times are of training, on the machine named, one
thread a run, and depend on what else it did.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, *(section(name) for name in TITLES if (RESULTS / name).is_dir())]
    parts += [fusion_section(), network_costs()]
    poses = RESULTS / "pose_pck.json"
    if poses.is_file():
        parts.append(poses_section(json.loads(poses.read_text())))
    return "\n".join(filter(None, parts))


def section(name: str) -> str:
    """The part of a data set: a table, its notes and its commands."""
    rows, commands = [], []
    for path in sorted((RESULTS / name).glob("*.json"), key=order):
        metrics = json.loads(path.read_text())
        if path.stem.endswith("-final") or path.stem.startswith("fused"):
            rows += list(table_rows(path, metrics))
        commands.append(metrics["command"])
    lines = [
        f"## {TITLES[name]}",
        "",
        "| model | stream | protocol | seed | top-1 | top-5 | mean class | clips | epochs | min |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
        "",
        *([NOTES[name], ""] if name in NOTES else []),
        f"Published (single numbers from papers): {PUBLISHED[name]}.",
        "",
        *machines(name),
        "```",
        *dict.fromkeys(commands),
        "```",
        "",
    ]
    return "\n".join(lines)


def order(path: Path) -> tuple[bool, str, int, str]:
    """Single streams first, in the usual order, what chose before what is final; then fused."""
    streams = ("joint", "bone", "joint_motion", "bone_motion")
    model, _, stream = path.stem.removesuffix("-final").partition("-")
    return model == "fused", model, streams.index(stream) if stream in streams else 0, path.stem


def table_rows(path: Path, metrics: Metrics) -> Iterator[str]:
    """The row of a run, and one for each other protocol it was evaluated on."""
    seeds = metrics.get("seed", 0)
    seeds = ", ".join(map(str, seeds)) if isinstance(seeds, list) else str(seeds)
    spread = metrics.get("std", {})
    first = [metrics["model"], metrics["stream"].replace("+", " + ")]
    last = [str(metrics["test_clips"]), str(metrics.get("epochs", "")), minutes(metrics)]
    yield row(first, metrics["protocol"], seeds, metrics, spread, last)
    equal_name = [first[0], f"{first[1]}, equal weights"]
    if "equal_weights" in metrics:
        equal = metrics["equal_weights"]
        yield row(equal_name, metrics["protocol"], seeds, equal, equal.get("std", {}), last)
    members = sorted(path.with_suffix("").glob("**/evaluations/*-test.json"))
    others = [json.loads(member.read_text()) for member in members]
    for protocol in sorted({other["protocol"] for other in others}):
        group = [other for other in others if other["protocol"] == protocol]
        equals = [one["equal_weights"] for one in group if "equal_weights" in one]
        last = [str(group[0]["clips"]), "", ""]
        for name, values in ((first, group), (equal_name, equals)):
            if values:
                means = {key: mean([one[key] for one in values]) for key in MEASURES}
                spread = {key: deviation([one[key] for one in values]) for key in MEASURES}
                yield row(name, protocol, seeds, means, spread, last)


def row(
    first: list[str], protocol: str, seeds: str, values: Metrics, spread: Metrics, last: list[str]
) -> str:
    """One line of the table."""
    measured = [
        f"{values[key]:.2f}" + (f" ± {spread[key]:.2f}" if spread.get(key) else "")
        for key in MEASURES
    ]
    return "| " + " | ".join([*first, protocol, seeds, *measured, *last]) + " |"


def minutes(metrics: Metrics) -> str:
    """Minutes of training of all runs behind a row."""
    return f"{metrics['seconds'] / 60:.0f}" if "seconds" in metrics else ""


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def deviation(values: list[float]) -> float:
    """The deviation of a sample; 0 of a single value."""
    centre = mean(values)
    return (sum((v - centre) ** 2 for v in values) / max(len(values) - 1, 1)) ** 0.5


POSES = """How far poses from video agree with the joints that people drew on {clips} clips
({frames} frames): PCK@{threshold}, the per cent of joints that are nearer than {threshold} torsos
after a similarity fit a clip; a frame in which nobody was found counts as wrong. The second number
is of the joints inside of the frame alone: people drew whole bodies also where the picture ends at
the waist, and MoveNet gives no joint outside of it. The annotations are normalised, and which clip
they are of was inferred: surely for {sure_clips} clips. The most present person of each clip is
compared; in {another} % of the clips another track would have been right for 10 % more of the
joints. Neck, belly and face of J-HMDB have no joint of their name in COCO and are left out. Frames
are counted a second of processor time, on one thread."""


def poses_section(measured: Metrics) -> str:
    """The part of the pose estimators: a joint a row, an estimator a column."""
    found = measured["estimators"]
    rows = {
        "all twelve": ("pck", "pck_inside"),
        "all twelve, sure clips": ("pck_sure_clips", "pck_sure_clips_inside"),
        "frames with a person": ("frames_with_person",),
        "estimator alone, frames a second": ("speed", "alone_per_processor_second"),
        "from file to tracks, frames a second": ("speed", "whole_per_processor_second"),
    }
    ours = next(one["choices"] for one in found.values() if "choices" in one)
    joints = list(next(iter(found.values()))["joints"])
    pairs = {
        joint: [(one["joints"][joint], one["joints_inside"][joint]) for one in found.values()]
        for joint in joints
    }
    for row_name, keys in rows.items():
        pairs[row_name] = [pose_numbers(one, keys) for one in found.values()]
    another = ours["clips_where_another_track_is_10_better"]
    lines = [
        "## Poses from video, J-HMDB",
        "",
        POSES.format(another=another, **measured),
        "",
        "| joint | " + " | ".join(found) + " |",
        "| --- |" + " --- |" * len(found),
        *(
            f"| {name.replace('_', ' ')} | "
            + " | ".join(" / ".join(f"{value:.1f}" for value in pair) for pair in values)
            + " |"
            for name, values in pairs.items()
        ),
        "",
        *pose_notes(ours),
        f"Machine: {', '.join(f'{k} {v}' for k, v in measured['machine'].items())}; load "
        f"{measured['load']}" + (f" ({measured['beside']})" if measured["beside"] else "") + ".",
        "",
        "```",
        measured["command"],
        "```",
        "",
    ]
    return "\n".join(lines)


def pose_numbers(measured: Metrics, keys: tuple[str, ...]) -> tuple[float, ...]:
    """What stands in a cell: one number, or that of all joints and of those inside."""
    if keys[0] == "speed":
        return (measured["speed"][keys[1]],) if "speed" in measured else ()
    return tuple(measured[key] for key in keys)


def pose_notes(ours: Metrics) -> Iterator[str]:
    """What was tried and not made a default."""
    smoothed = ", ".join(f"{value:.1f} by {key} s" for key, value in ours["smoothed"].items())
    yield f"Smoothing in time gives {smoothed} where it is asked for; it is off by default."
    yield ""
    for limit, values in ours["filled_below"].items():
        yield (
            f"- Of the joints below confidence {limit} ({values['unsure']:.1f} %), "
            f"{values['right_as_estimated']:.1f} % are right as estimated and "
            f"{values['right_if_filled']:.1f} % if they were filled from their neighbours in time."
        )
    yield ""


def machines(name: str) -> Iterator[str]:
    """Where the runs of a data set were made."""
    found = {}
    for path in sorted((RESULTS / name).rglob("*.json")):
        metrics = json.loads(path.read_text())
        if "machine" in metrics:
            found[json.dumps(metrics["machine"], sort_keys=True)] = metrics["machine"]
    for machine in found.values():
        yield machine_line(machine)
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page())
