import json

import numpy as np
import pytest
import torch

from gesta.clip import Clip
from gesta.errors import RunError, ShapeError
from gesta.inference import Recognizer, fit_to_card
from gesta.skeleton import get_layout
from gesta.training import Card
from gesta.training.card import save_model
from gesta.transforms import InputOptions

CLASSES = tuple(f"class {i}" for i in range(7))
OPTIONS = {"width": 4, "blocks": 9, "temporal_kernel": 3}


def make_card(**changes):
    table = {
        "model": "st_gcn", "options": OPTIONS, "layout": get_layout("kinect_v1_20"),
        "classes": CLASSES, "channels": ("x", "y", "z"), "space": "camera_metres",
        "stream": "bone", "input": InputOptions(frames=8, views=2, crop=0.9), "frames": 8,
        "persons": 2, "scene": True, "dataset": "d", "protocol": "p", "final": False, "seed": 0,
    }  # fmt: skip
    return Card(**table | changes)


def make_recognizer(**changes):
    card = make_card(**changes)
    return Recognizer(card.make_model(torch.Generator().manual_seed(0)), card)


def make_clip(persons=1, frames=10, layout="kinect_v1_20", seed=0, **fields):
    layout = get_layout(layout)
    rng = np.random.default_rng(seed)
    coords = rng.normal(size=(persons, frames, len(layout), 3)).astype(np.float32)
    return Clip(coords, layout, id=f"clip {seed}", **fields)


def test_a_clip_is_judged_as_a_scene_or_track_by_track():
    clip = make_clip(persons=2, frame_rate=30.0)
    (scene,) = make_recognizer().predict(clip)
    assert (scene.input, scene.fps, len(scene.persons)) == ("clip 0", 30.0, 1)
    assert scene.persons[0].track is None
    (alone,) = make_recognizer(scene=False).predict(clip)
    assert [person.track for person in alone.persons] == [0, 1]
    (asked,) = make_recognizer().predict(clip, scene=False)
    assert asked == alone and asked != scene
    single = clip.replace(coords=clip.coords[1:])
    (other,) = make_recognizer(scene=False).predict(single)
    (one,), (two,) = other.persons[0].segments, alone.persons[1].segments
    assert [name for name, _ in one.top5] == [name for name, _ in two.top5]
    # Batches of other sizes round differently.
    assert [p for _, p in one.top5] == pytest.approx([p for _, p in two.top5], rel=1e-5)


def test_segments_say_frames_and_the_five_best_with_their_probabilities():
    recognizer, clip = make_recognizer(), make_clip()
    (prediction,) = recognizer.predict(clip)
    (segment,) = prediction.persons[0].segments
    assert (segment.start, segment.end) == (0, 10)
    probabilities = np.exp(recognizer.score([clip])[0])
    order = np.argsort(-probabilities)[:5]
    assert [name for name, _ in segment.top5] == [CLASSES[i] for i in order]
    assert [p for _, p in segment.top5] == pytest.approx(probabilities[order])
    assert segment.label == segment.top5[0][0]
    shape = json.loads(json.dumps(prediction.to_dict()))
    assert set(shape) == {"input", "fps", "persons"}
    assert set(shape["persons"][0]) == {"track", "segments"}
    assert set(shape["persons"][0]["segments"][0]) == {"start", "end", "label", "top5"}


def test_many_clips_are_answered_in_order_whatever_stands_beside_them(monkeypatch):
    from gesta.inference import recognizer as module

    monkeypatch.setattr(module, "BATCH", 2)
    clips = [make_clip(persons=1 + i % 2, frames=5 + 3 * i, seed=i) for i in range(5)]
    recognizer = make_recognizer()
    together = recognizer.predict(clips)
    assert [one.input for one in together] == [clip.id for clip in clips]
    for clip, prediction in zip(clips, together, strict=True):
        (alone,) = recognizer.predict(clip)
        first, second = alone.persons[0].segments[0], prediction.persons[0].segments[0]
        assert [n for n, _ in first.top5] == [n for n, _ in second.top5]
        assert [p for _, p in first.top5] == pytest.approx([p for _, p in second.top5], rel=1e-4)
    assert recognizer.predict([]) == []


def test_nobody_is_scored_as_a_scene_and_has_no_tracks():
    clip = make_clip(persons=0)
    (scene,) = make_recognizer().predict(clip)
    assert sum(p for _, p in scene.persons[0].segments[0].top5) <= 1 + 1e-6
    (alone,) = make_recognizer(scene=False).predict(clip)
    assert alone.persons == ()


def test_joints_are_found_by_name():
    card = make_card()
    clip = make_clip(layout="kinect_v2_25")
    fitted = fit_to_card(clip, card)
    assert fitted.layout == card.layout
    for joint in ("head", "left_knee", "right_wrist"):
        ours, theirs = card.layout.index(joint), clip.layout.index(joint)
        np.testing.assert_array_equal(fitted.coords[..., ours, :], clip.coords[..., theirs, :])
    assert len(make_recognizer().predict(clip)) == 1


def test_metres_are_no_pixels():
    flat = make_clip().replace(space="pixels", frame_size=(640, 480))
    with pytest.raises(ShapeError, match="trained on camera_metres, the clip is in pixels"):
        make_recognizer().predict(flat)


def test_pixels_and_shares_of_the_frame_are_each_other():
    clip = make_clip()
    clip = clip.replace(coords=clip.coords[..., :2].copy(), channels=("x", "y"), space="pixels")
    card = make_card(channels=("x", "y"), space="unit_frame")
    fitted = fit_to_card(clip.replace(frame_size=(640, 480)), card)
    np.testing.assert_allclose(fitted.coords * [640, 480], clip.coords, rtol=1e-5)
    back = fit_to_card(fitted, make_card(channels=("x", "y"), space="pixels"))
    np.testing.assert_allclose(back.coords, clip.coords, rtol=1e-5)
    with pytest.raises(ShapeError, match="needs the frame's size"):
        fit_to_card(clip, card)


def test_depth_is_dropped_but_not_invented():
    clip = make_clip()
    flat = fit_to_card(clip, make_card(channels=("x", "y")))
    np.testing.assert_array_equal(flat.coords, clip.coords[..., :2])
    with pytest.raises(ShapeError, match="needs x, y, z, the clip has x, y"):
        fit_to_card(flat, make_card())


def test_from_a_file_and_from_what_is_none(tmp_path):
    recognizer, path = make_recognizer(), tmp_path / "m.safetensors"
    save_model(path, recognizer.model.state_dict(), recognizer.card)
    loaded = Recognizer.from_run(path, "cpu")
    assert loaded.classes == CLASSES
    assert loaded.predict(make_clip()) == recognizer.predict(make_clip())
    with pytest.raises(RunError, match="expected a run"):
        Recognizer.from_run(tmp_path)
    with pytest.raises(RunError, match="no such run"):
        Recognizer.from_run(tmp_path / "other.safetensors")


def test_files_are_read_by_their_content(test_data):
    path = test_data / "ntu_samples" / "S001C003P008R002A058.skeleton"
    (prediction,) = make_recognizer(scene=False).predict(path)
    assert prediction.input == str(path) and len(prediction.persons) == 2
