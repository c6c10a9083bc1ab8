"""What models look at in the RGB of clips, and hiding joints while they do, on drawn videos."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from gesta.clip import Clip, VideoReference
from gesta.errors import ModelError
from gesta.evaluation import score_batch
from gesta.explain import Attention, attention_deletion, attentions, occlusion, scenes
from gesta.explain.occlusion import single
from gesta.explain.scene import joint_weights
from gesta.explain.scoring import scoring, variants
from gesta.media import VideoWriter
from gesta.models import create_model
from gesta.nn import Observed
from gesta.skeleton import get_layout
from gesta.transforms import (
    AugmentOptions,
    InputOptions,
    InputPipeline,
    VideoOptions,
    collate,
    footage_of,
)

LAYOUT = get_layout("coco_17")
HAND = LAYOUT.index("left_wrist")
SIZE = (64, 48)
CROSS = {"width": 8, "temporal_kernel": 3, "dropout": 0.0, "context_width": 4, "video_size": 32}
MMFF = {
    "skeleton_options": ("width=8", "temporal_kernel=3"),
    "image": "efficientnet_lite0",
    "image_width": 0.1,
    "image_size": 64,
    "width": 8,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two videos in which a light square is where the left hand is."""
    place = tmp_path_factory.mktemp("videos")
    for name in ("a", "b"):
        clip = clip_of(name, place)
        with VideoWriter(place / f"{name}.mp4", SIZE, 10) as writer:
            for x, y in clip.coords[0, :, HAND].astype(int):
                image = np.full((SIZE[1], SIZE[0], 3), 30, np.uint8)
                image[y - 3 : y + 3, x - 3 : x + 3] = 240
                writer.write(image)
    return place


def clip_of(name, place, label=1):
    """A body that stands while its left hand goes to the right."""
    frames = 20 if name == "a" else 9
    body = np.random.default_rng(3).uniform(20, 36, size=(1, 1, 17, 2))
    coords = np.repeat(body, frames, axis=1).astype(np.float32)
    coords[0, :, HAND] = np.stack([np.linspace(12, 50, frames), np.full(frames, 14)], 1)
    video = VideoReference(str(place / f"{name}.mp4"), np.arange(frames) / 10)
    fields = {"id": name, "label": label, "frame_rate": 10.0, "frame_size": SIZE, "video": video}
    return Clip(coords, LAYOUT, ("x", "y"), "pixels", **fields)


def made(name, **options):
    generator = torch.Generator().manual_seed(0)
    frames = 8
    return create_model(name, LAYOUT, 3, 2, frames, 2, generator=generator, **options).eval()


def pipeline(crop="centre", size=32, **options):
    chosen = {"frames": 8, "persons": 2, "centre": "none", "sampling": "window"} | options
    video = VideoOptions(size=size, crop=crop, workers=0, position=(0.5,))
    return InputPipeline(InputOptions(**chosen), AugmentOptions(), LAYOUT, "joint", video)


def batch_of(model, run, clips, missing="error"):
    options = VideoOptions(**(vars(run.video) | {"missing": missing}))
    return collate(clips, footage=footage_of(clips, model.inputs, options))


@pytest.mark.parametrize(
    "name, options, run",
    [
        ("cross_attention", CROSS, pipeline()),
        ("mmff", MMFF, pipeline("projection", 64, sampling="resize")),
        (
            "mmff",
            MMFF | {"image_frames": 2, "share_frames": True},
            pipeline("projection", 64, sampling="resize"),
        ),
        ("xception_frame", {"image_width": 0.02, "image_size": 48}, pipeline(size=48, views=1)),
    ],
)
def test_variants_see_the_pictures_that_the_clip_is_scored_with(folder, name, options, run):
    if options.get("image_frames") == 2:
        run = InputPipeline(
            run.input, run.augment, LAYOUT, "joint",
            VideoOptions(size=64, crop="projection", workers=0, position=(0.3, 0.7)),
        )  # fmt: skip
    model = made(name, **options)
    one = single(batch_of(model, run, [clip_of(name, folder) for name in "ba"]), 1)
    with scoring(model):
        whole = score_batch(model, run, one)
        before = {part: part.forward for part in model.modules()}
        with variants(model, run, one) as (placed, rest):
            again = placed.rows(torch.zeros(3, dtype=torch.int64)).replace(clip=torch.arange(3))
            found = score_batch(model, rest, again)
        assert {part: part.forward for part in model.modules()} == before
    torch.testing.assert_close(found, whole.expand(3, -1), atol=1e-5, rtol=1e-4)


def test_pictures_are_read_and_seen_once_a_clip(folder, monkeypatch):
    model, run = made("cross_attention", **CROSS), pipeline()
    batch, calls = batch_of(model, run, [clip_of("a", folder)]), []
    model.branch.layer0.register_forward_hook(lambda *_: calls.append("seen"))
    read = batch.footage.source.read
    monkeypatch.setattr(
        batch.footage.source, "read", lambda *given: calls.append("read") or read(*given)
    )
    (found,) = occlusion(model, run, batch, layout=LAYOUT, rows_at_once=7)
    assert calls == ["read", "seen"]
    assert np.isfinite(found.joints).all() and found.joints.any()


def test_frame_models_do_not_care_which_joint_is_hidden(folder):
    model = made("xception_frame", image_width=0.02, image_size=48)
    run = pipeline(size=48)
    (found,) = occlusion(model, run, batch_of(model, run, [clip_of("a", folder)]), layout=LAYOUT)
    np.testing.assert_allclose(found.joints, 0, atol=1e-5)
    np.testing.assert_allclose(found.frames, 0, atol=1e-5)


def test_cross_attention_is_carried_over_to_the_frames_of_the_clip(folder):
    model, run = made("cross_attention", places=(3, 6), **CROSS), pipeline()
    batch = batch_of(model, run, [clip_of("a", folder), clip_of("b", folder)])
    for clip, found in zip((20, 9), scenes(model, run, batch), strict=True):
        assert found.weights.shape == (1, clip, 17)
        assert (found.weights > 0).all() and (found.weights < 1).all() and not found.looks
        assert len(found.windows) == -(-clip // 8)
        assert [window.box for window in found.windows] == [(8, 0, 56, 48)] * len(found.windows)
        assert found.windows[1].frames.min() == 8
    points = [one for one in attentions(model, run, batch)[0] if one.axes == ("step", "joint")]
    assert [one.values.shape for one in points] == [(3, 1, 2, 4, 17), (3, 1, 2, 2, 17)]
    # The later place weighs every fourth frame.
    np.testing.assert_array_equal(points[1].frames[:, 0], [[0, 4], [8, 12], [16, 16]])
    np.testing.assert_allclose(
        scenes(model, run, batch)[0].weights[0, 8],
        (points[0].values[1, 0, 0, 0] + points[1].values[1, 0, 0, 0]) / 2,
        atol=1e-6,
    )


def test_weights_between_the_frames_that_are_weighed_lie_on_a_line():
    values = np.array([[0.0, 1.0], [0.4, 0.2]], np.float32).reshape(1, 1, 1, 2, 2)
    frames = np.array([[[2, 6]]], np.float32)
    point = Attention("p", ("step", "joint"), values, frames, np.ones((1, 1, 1, 2), bool))
    found = joint_weights([point], persons=2, frames=8)
    np.testing.assert_allclose(found[0, :, 0], [0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.4], atol=1e-6)
    assert np.isnan(found[1]).all()


def test_skeleton_attention_lies_where_the_hand_is(folder):
    model = made("mmff", **MMFF)
    run = pipeline("projection", 64, sampling="resize")
    clip = clip_of("a", folder)
    (found,) = scenes(model, run, batch_of(model, run, [clip]))
    (look,) = found.looks
    x0, y0, x1, y1 = look.box
    hand = clip.coords[0, look.frame, HAND]
    mask = look.maps["skeleton attention"]
    down, across = np.unravel_index(mask.argmax(), mask.shape)
    width, height = (x1 - x0) / mask.shape[1], (y1 - y0) / mask.shape[0]
    assert abs(x0 + (across + 0.5) * width - hand[0]) <= width
    assert abs(y0 + (down + 0.5) * height - hand[1]) <= height
    assert set(look.maps) == {
        "self-attention 1",
        "self-attention 2",
        "skeleton attention",
        "relation received",
    }
    assert look.joints.shape == (17,)
    # What all receive is even on the whole.
    received = np.concatenate([look.maps["relation received"].ravel(), look.joints])
    assert received.mean() == pytest.approx(1, abs=1e-5)
    assert found.weights is None and found.windows[0].box is None


def test_without_usable_pictures_nothing_is_looked_at(folder):
    clip = clip_of("a", folder).replace(video=None)
    for name, options, size in (("cross_attention", CROSS, 32), ("mmff", MMFF, 64)):
        model, run = made(name, **options), pipeline(size=size)
        (found,) = scenes(model, run, batch_of(model, run, [clip], "skeleton"))
        assert found.windows and found.weights is None and not found.looks


@pytest.mark.parametrize(
    "name, options, by", [("cross_attention", CROSS, "cross-attention"),
                          ("mmff", MMFF, "relation received")],
)  # fmt: skip
def test_joints_are_deleted_by_how_much_they_are_attended_to(folder, name, options, by):
    model = made(name, **options)
    run = pipeline("projection", options.get("image_size", 32), sampling="resize")
    batch = batch_of(model, run, [clip_of("a", folder), clip_of("b", folder, 0)])
    generator = np.random.default_rng(0)
    curves = attention_deletion(model, run, batch, layout=LAYOUT, generator=generator, draws=1)
    assert [(one.unit, one.fill, one.by) for one in curves] == [
        ("joints", "mean", by),
        ("joints", "zero", by),
    ]


class Odd(nn.Module):
    """Passes rows that are nobody's."""

    inputs = ("poses", "mask")

    def __init__(self):
        super().__init__()
        self.point = Observed(("rows", "step", "joint"))

    def forward(self, poses, mask):
        self.point(torch.zeros(5, 3, 17))
        return poses.mean((1, 2, 3)) * mask.any()


def test_rows_that_are_no_persons_are_an_error(folder):
    run = partial(pipeline, sampling="resize")()
    with pytest.raises(ModelError, match="point: expected rows of 1 clips with 2 persons"):
        attentions(Odd(), run, collate([clip_of("a", folder)]))
