"""How well poses from video agree with the joints that people drew on J-HMDB.

    OMP_NUM_THREADS=1 python benchmarks/pose_pck.py --data FOLDER --poses CACHE --long-side 256 384

FOLDER holds `videos/<class>/<clip>.mp4` and `jhmdb_blazepose_and_gt.npz`. MoveNet runs on the 609
annotated clips, once for each long side (what CACHE has is not run again), its persons are tracked,
and the most present one is compared; BlazePose's joints of the same frames stand in the npz.

PCK@0.2: the share of annotated joints that the estimate comes nearer to than 0.2 torsos, where a
torso is the mean of the two ways from a shoulder to the hip of the other side. A frame without the
person counts as wrong. The annotations are normalised to an unknown scale a clip, so a similarity
(scale, turn, shift) brings them into the picture, one a clip and estimator: the one of least summed
distance to the estimate, weighted by its confidence, which a few bad frames do not move, nor joints
that the estimator says it does not know. People drew whole bodies also where the picture ends at
the waist; MoveNet gives no joint outside of its picture, so PCK of the joints inside stands beside
that of all. Only the twelve joints that the layouts share by name are compared: J-HMDB's neck,
belly and face have no joint of the same name in COCO.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from gesta.clip import Clip, fill_missing, map_to_layout
from gesta.media import open_video
from gesta.pose import (
    Detections,
    MoveNet,
    PoseEstimator,
    Sighting,
    Tracker,
    smooth_clip,
    tracks_to_clip,
    watch,
)
from gesta.skeleton import get_layout
from gesta.training.machine import describe_machine, describe_versions, find_device

OUT = Path(__file__).parent / "results" / "pose_pck.json"
JHMDB, COCO = get_layout("jhmdb_15"), get_layout("coco_17")
JOINTS = [joint for joint in JHMDB.joints if joint in COCO.joints]
SHARED = [JHMDB.index(joint) for joint in JOINTS]
OWN = [COCO.index(joint) for joint in JOINTS]
TORSO = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
NEAR = 0.2
FIELDS = ("joints", "confidence", "boxes", "scores")
FRAME_SIZE = (320, 240)
ROUNDS = 30


@dataclass(frozen=True)
class Annotated:
    """An annotated clip: (T, 12, 2) joints of people, (T, 17, 3) those of BlazePose."""

    name: str
    joints: np.ndarray
    blazepose: np.ndarray
    sure: bool


def annotated_clips(data: Path) -> list[Annotated]:
    """The clips that people drew joints on; BlazePose in pixels, NaN where it found nobody."""
    arrays = np.load(data / "jhmdb_blazepose_and_gt.npz")
    truth, offset, confidence = arrays["gt_world"], arrays["offset"], arrays["gt_conf"]
    found = arrays["blaze_img"].astype(np.float32)[..., [0, 1, 3]] * (*FRAME_SIZE, 1)
    found[~arrays["blaze_ok"]] = np.nan
    whole = Clip(
        np.ascontiguousarray(found[None, ..., :2], np.float32),
        get_layout("mediapipe_33"),
        ("x", "y"),
        "pixels",
        confidence=np.nan_to_num(found[None, ..., 2]).astype(np.float32),
    )
    coco = map_to_layout(whole, COCO)
    blazepose = np.concatenate([coco.coords[0], coco.confidence[0][..., None]], axis=-1)
    clips = []
    for index in np.flatnonzero(confidence >= 0):
        rows = slice(offset[index], offset[index + 1])
        name, sure = str(arrays["name"][index]), bool(confidence[index] == confidence.max())
        clips.append(Annotated(name, truth[rows][:, SHARED], blazepose[rows], sure))
    return clips


def sightings_of(data: Path, cache: Path, name: str, estimator: PoseEstimator) -> list[Sighting]:
    """Persons of each frame, from the cache or else from the video, tracked."""
    path = cache / f"{name.replace('/', '__')}.npz"
    if not path.exists():
        with open_video(data / "videos" / f"{name}.mp4") as video:
            frames = [(frame.time, estimator(frame.image)) for frame in video]
        fields = {key: np.concatenate([getattr(d, key) for _, d in frames]) for key in FIELDS}
        unfinished = path.with_suffix(".part.npz")
        np.savez(
            unfinished,
            times=[second for second, _ in frames],
            count=[len(detections) for _, detections in frames],
            **fields,
        )
        unfinished.rename(path)
    stored = np.load(path)
    ends = np.cumsum(stored["count"])
    tracker = Tracker(frame_size=FRAME_SIZE)
    sightings = []
    for second, count, end in zip(stored["times"], stored["count"], ends, strict=True):
        rows = slice(end - count, end)
        detections = Detections(*(stored[key][rows] for key in FIELDS))
        ids = tracker.update(detections, float(second))
        sightings.append(Sighting(float(second), detections, ids))
    return sightings


def fit_similarity(source: np.ndarray, target: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """(T, V, 2) the source, scaled, turned and shifted so that summed distances are least.

    The plane is that of complex numbers: target = a source + b. Least squares, each round weighted
    by one over the distance of the last, which in the end is least distance.

    Args:
        source, target: (T, V, 2), the target NaN where it is missing.
        sure: (T, V) how much each joint counts.
    """
    z = source[..., 0] + 1j * source[..., 1]
    goal = target[..., 0] + 1j * target[..., 1]
    known = np.isfinite(goal)
    x, y, counts = z[known], goal[known], sure[known] + 1e-4
    weight, a, b = counts, 1.0 + 0j, 0j
    for _ in range(ROUNDS):
        total = weight.sum()
        mean_x, mean_y = (weight * x).sum() / total, (weight * y).sum() / total
        apart = x - mean_x
        a = (weight * apart.conj() * (y - mean_y)).sum() / (weight * abs(apart) ** 2).sum()
        b = mean_y - a * mean_x
        weight = counts / np.maximum(abs(a * x + b - y), 1.0)
    moved = a * z + b
    return np.stack([moved.real, moved.imag], axis=-1)


def compare(truth: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, 12) whether the estimate is near after the fit of a clip, and whether inside the frame.

    Args:
        truth: (T, 12, 2) annotated joints in their own scale.
        estimate: (T, 12, 3) pixels and confidence, NaN where missing.
    """
    if not np.isfinite(estimate[..., 0]).any():
        return np.zeros(truth.shape[:2], bool), np.ones(truth.shape[:2], bool)
    fitted = fit_similarity(truth, estimate[..., :2], np.nan_to_num(estimate[..., 2]))
    ways = [
        np.linalg.norm(fitted[:, JOINTS.index(one)] - fitted[:, JOINTS.index(other)], axis=-1)
        for one, other in TORSO
    ]
    # A torso seen from above is short; half of the clip's middle one is the least that counts.
    torso = np.mean(ways, axis=0)
    torso = np.maximum(torso, np.median(torso) / 2)
    near = np.linalg.norm(fitted - estimate[..., :2], axis=-1) < NEAR * torso[:, None]
    return near, ((fitted >= 0) & (fitted <= FRAME_SIZE)).all(axis=-1)


Estimate = Callable[[Annotated], np.ndarray]


def summary(clips: list[Annotated], estimate: Estimate) -> dict[str, Any]:
    """PCK of all joints and of each, per cent, and how often a person was there at all."""
    estimates = [estimate(clip) for clip in clips]
    pairs = [compare(c.joints, e) for c, e in zip(clips, estimates, strict=True)]
    near, inside = (np.concatenate(part) for part in zip(*pairs, strict=True))
    sure = np.concatenate([np.full(len(clip.joints), clip.sure) for clip in clips])
    there = np.concatenate([np.isfinite(one[..., 0]).any(axis=1) for one in estimates])
    return {
        "pck": percent(near),
        "pck_inside": percent(near[inside]),
        "pck_sure_clips": percent(near[sure]),
        "pck_sure_clips_inside": percent(near[inside & sure[:, None]]),
        "inside": percent(inside),
        "frames_with_person": percent(there),
        "joints": {joint: percent(near[:, j]) for j, joint in enumerate(JOINTS)},
        "joints_inside": {joint: percent(near[inside[:, j], j]) for j, joint in enumerate(JOINTS)},
    }


def percent(hits: np.ndarray) -> float:
    return round(100 * float(np.mean(hits)), 2)


def joints_of(clip: Clip, person: int = 0) -> np.ndarray:
    """(T, 12, 3) joints and confidence of a person, the most present if not said otherwise."""
    if person >= clip.persons:
        return np.full((clip.frames, len(OWN), 3), np.nan, np.float32)
    both = (clip.coords[person], clip.confidence[person][..., None])
    return np.concatenate(both, axis=-1)[:, OWN]


def choices(clips: list[Annotated], poses: dict[str, Clip]) -> dict[str, Any]:
    """What tracking, smoothing and a threshold of confidence do to PCK.

    `best_track`: if for each clip the track were taken that fits the annotation best.
    `smoothed`: by the deviation of the window in seconds. `filled_below`: joints of a lower
    confidence taken from the line between their neighbours in time, in place of the estimate.
    """
    of_clips = [
        [compare(c.joints, joints_of(poses[c.name], m))[0].mean() for m in range(max(1, n))]
        for c, n in ((c, poses[c.name].persons) for c in clips)
    ]
    chosen, best = np.array([one[0] for one in of_clips]), np.array([max(o) for o in of_clips])
    smoothed = {
        str(seconds): summary(clips, lambda c, s=seconds: joints_of(smooth_clip(poses[c.name], s)))[
            "pck"
        ]
        for seconds in (0.02, 0.04, 0.08)
    }
    return {
        "mean_of_clips": percent(chosen),
        "mean_of_clips_best_track": percent(best),
        "clips_where_another_track_is_10_better": percent(best - chosen > 0.1),
        "smoothed": smoothed,
        "filled_below": {str(limit): filled(clips, poses, limit) for limit in (0.05, 0.1, 0.2)},
    }


def filled(clips: list[Annotated], poses: dict[str, Clip], limit: float) -> dict[str, float]:
    """Of joints of low confidence: how many there are, and right as estimated and if filled."""
    parts = []
    for clip in clips:
        pose = poses[clip.name]
        if not pose.persons:
            continue
        estimate = joints_of(pose)
        unsure = estimate[..., 2] < limit
        unsure &= np.isfinite(estimate[..., 0])
        sparse = np.where(unsure[..., None], np.nan, estimate)
        line = np.where(unsure[..., None], fill_missing(sparse[None])[0], estimate)
        kept, changed = (compare(clip.joints, one)[0] for one in (estimate, line))
        parts.append((unsure, kept, changed))
    unsure, kept, changed = (np.concatenate(part) for part in zip(*parts, strict=True))
    return {
        "unsure": percent(unsure),
        "right_as_estimated": percent(kept[unsure]),
        "right_if_filled": percent(changed[unsure]),
    }


def speeds(data: Path, clips: list[Annotated], long_side: int) -> dict[str, float]:
    """Frames a second of processor time (other work on the machine changes it little) and of wall.

    `alone` is the estimator on frames in memory, `whole` from file to tracked persons.
    """
    estimator = MoveNet(long_side=long_side)

    def whole() -> int:
        frames = 0
        for clip in clips:
            with open_video(data / "videos" / f"{clip.name}.mp4", threads=1) as video:
                frames += sum(1 for _ in watch(video, estimator))
        return frames

    with open_video(data / "videos" / f"{clips[0].name}.mp4") as video:
        images = [frame.image for frame in video.frames(size=estimator.input_size(video.size))]

    def alone() -> int:
        return sum(1 for image in images * len(clips) if estimator(image) is not None)

    found = {}
    for name, work in (("alone", alone), ("whole", whole)):
        processor, wall, frames = time.process_time(), time.perf_counter(), work()
        found[f"{name}_per_processor_second"] = round(frames / (time.process_time() - processor), 1)
        found[f"{name}_per_second"] = round(frames / (time.perf_counter() - wall), 1)
    return found


def measure(data: Path, cache: Path, sides: list[int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The result of each estimator by its name."""
    clips = annotated_clips(data)
    every_tenth = clips[:: max(len(clips) // 10, 1)]
    for side in sides:
        estimator, folder = MoveNet(long_side=side), cache / f"movenet_{side}"
        folder.mkdir(parents=True, exist_ok=True)
        poses = {}
        for clip in clips:
            sightings = sightings_of(data, folder, clip.name, estimator)
            poses[clip.name] = tracks_to_clip(sightings, COCO, persons=None, video=clip.name)
        result = summary(clips, lambda c, poses=poses: joints_of(poses[c.name]))
        result |= {"speed": speeds(data, every_tenth, side), "choices": choices(clips, poses)}
        yield f"MoveNet {side}", result
    yield "BlazePose", summary(clips, lambda clip: clip.blazepose[:, OWN])


def main() -> None:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of J-HMDB")
    parser.add_argument("--poses", type=Path, required=True, help="where poses are kept")
    parser.add_argument("--long-side", type=int, nargs="+", default=[256, 384])
    parser.add_argument("--beside", default="", help="what else the machine did meanwhile")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    load = os.getloadavg()[0]
    estimators = dict(measure(args.data, args.poses, args.long_side))
    clips = annotated_clips(args.data)
    machine = describe_machine(find_device("cpu"))
    result = {
        "clips": len(clips),
        "sure_clips": sum(clip.sure for clip in clips),
        "frames": sum(len(clip.joints) for clip in clips),
        "threshold": NEAR,
        "estimators": estimators,
        "load": round(load, 1),
        "beside": args.beside,
        "machine": machine | {"threads": 1},
        "versions": describe_versions() | {"onnxruntime": onnxruntime.__version__},
        "command": "python benchmarks/pose_pck.py --data FOLDER --poses CACHE --long-side "
        + " ".join(map(str, args.long_side)),
    }
    args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
