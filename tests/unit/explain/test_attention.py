"""Attention put in order, and whether it is true, with models whose attention is known."""

import numpy as np
import pytest
import torch
from torch import nn

from gesta.clip import Clip
from gesta.errors import ModelError
from gesta.explain import (
    Attention,
    attention_deletion,
    attentions,
    frame_scores,
    joint_scores,
)
from gesta.explain.attention import by_kind, received
from gesta.models import create_model
from gesta.nn import Observed
from gesta.skeleton import get_layout
from gesta.transforms import AugmentOptions, InputOptions, InputPipeline, collate

LAYOUT = get_layout("sbu_15")
HAND = LAYOUT.index("right_hand")
SMALL = {"width": 32, "layers": 2, "heads": 2, "dropout": 0.0, "attention_dropout": 0.0}
SANS = [
    ("san_v1", {}),
    ("san_v2", {}),
    ("san_v3", {"merge": "early"}),
    ("san_v3", {"merge": "late"}),
]


def clip(frames=20, persons=2, seed=0, label=1, name="clip"):
    coords = np.random.default_rng(seed).normal(size=(persons, frames, 15, 3))
    return Clip(coords.astype(np.float32), LAYOUT, id=name, label=label)


def pipeline(**options):
    chosen = {"frames": 8, "persons": 2, "centre": "none"} | options
    return InputPipeline(InputOptions(**chosen), AugmentOptions(), LAYOUT)


def made(name, **options):
    generator = torch.Generator().manual_seed(0)
    given = (SMALL if name.startswith("san") else {}) | options
    return create_model(name, "sbu_15", 3, 3, 8, 2, generator=generator, **given).eval()


@pytest.mark.parametrize("name, options", SANS)
@pytest.mark.parametrize("segments", [1, 2])
def test_every_layer_of_san_is_there_by_clip_segment_and_person(name, options, segments):
    model = made(name, segments=segments, **options)
    found = attentions(model, pipeline(), collate([clip(), clip(9, 1, 1)]))
    length, blocks = 8 // segments, 2 if name == "san_v3" else 1
    persons = 1 if name == "san_v1" or options.get("merge") == "early" else 2
    for own in found:
        assert len(own) == 2 * blocks
        for one in own:
            assert one.axes == ("heads", "query", "key")
            assert one.values.shape == (1, segments, persons, 2, length, length)
            assert one.frames.shape == (1, segments, length)
            assert one.valid.shape == (1, segments, persons, length)
    np.testing.assert_allclose(found[0][0].frames.ravel(), np.linspace(0, 19, 8), atol=1e-5)
    assert found[0][0].valid.all()
    assert found[1][0].valid[:, :, 0].all() and not found[1][0].valid[:, :, 1:].any()


@pytest.mark.parametrize("name, options", SANS)
def test_a_change_in_one_segment_changes_the_attention_of_that_segment(name, options):
    model, changed = made(name, segments=2, **options), clip().coords.copy()
    changed[:, 11:] *= -1
    before, after = (
        attentions(model, pipeline(), collate([one]))[0]
        for one in (clip(), clip().replace(coords=changed))
    )
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one.values[:, 0], other.values[:, 0], atol=1e-6)
        assert np.abs(one.values[:, 1] - other.values[:, 1]).max() > 1e-4


@pytest.mark.parametrize("name, options", [SANS[1], SANS[3], ("csta_cnn", {})])
@pytest.mark.parametrize("person", [0, 1])
def test_persons_have_their_own_attention(name, options, person):
    model, changed = made(name, **options), clip().coords.copy()
    changed[person] *= -1
    before, after = (
        attentions(model, pipeline(), collate([clip(5, seed=3), one]))[1]
        for one in (clip(), clip().replace(coords=changed))
    )
    for one, other in zip(before, after, strict=True):
        still = one.values[:, :, 1 - person] - other.values[:, :, 1 - person]
        assert np.abs(still).max() < 1e-6
        assert np.abs(one.values[:, :, person] - other.values[:, :, person]).max() > 1e-4


@pytest.mark.parametrize("name, options", [("st_gcn", {"width": 4}), ("san_v2", {"segments": 2})])
def test_attention_in_front_of_a_model_is_of_the_whole_clip_and_every_person(name, options):
    model = made(name, coupled_attention="tanh", **options)
    found = attentions(model, pipeline(), collate([clip(9, 1, 1), clip()]))
    for own, persons in zip(found, (1, 2), strict=True):
        joints, frames, both = own[:3]
        assert [one.path for one in (joints, frames, both)] == [
            f"attention.{point}" for point in ("joint_weights", "frame_weights", "map")
        ]
        assert joints.values.shape == (1, 1, 2, 15) and frames.values.shape == (1, 1, 2, 8)
        product = frames.values[..., None] * joints.values[..., None, :]
        np.testing.assert_allclose(both.values, product, rtol=1e-5)
        assert frames.valid.any(-1).sum() == persons
        assert joint_scores([joints]).shape == (15,) and frame_scores([frames], 9).shape == (9,)


def test_views_of_a_clip_are_its_own_and_weights_have_signs():
    model, three = made("csta_cnn"), pipeline(sampling="uniform", views=3)
    found = attentions(model, three, collate([clip(), clip(30, 1)]), clips_at_once=1)
    together = attentions(model, three, collate([clip(), clip(30, 1)]))
    assert [one.axes for one in found[0]] == [("joint",), ("frame",), ("frame", "joint")] * 2
    joints, frames, both = found[1][:3]
    assert joints.values.shape == (3, 1, 2, 15) and frames.values.shape == (3, 1, 2, 8)
    product = frames.values[..., None] * joints.values[..., None, :]
    np.testing.assert_allclose(both.values, product, rtol=1e-5)
    assert (frames.frames[:, 0, 1:] > frames.frames[:, 0, :-1]).all()
    for one, other in zip(found[1], together[1], strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-6)
    assert set(by_kind(found[0])) == {("joint",), ("frame",)}


def test_a_model_without_attention_has_none():
    model = create_model("st_gcn", "sbu_15", 3, 3, 8, 2, blocks=9, width=4)
    assert attentions(model, pipeline(), collate([clip(), clip()])) == [[], []]
    curves = attention_deletion(
        model, pipeline(), collate([clip()]), layout=LAYOUT, generator=np.random.default_rng(0)
    )
    assert curves == []


class Strange(nn.Module):
    inputs = ("poses", "mask")

    def __init__(self):
        super().__init__()
        self.weights = Observed(("rows", "frame"))

    def forward(self, poses, mask):
        self.weights(poses.new_zeros(len(poses) * 3, 8))
        return poses.new_zeros(len(poses), 3)


def test_rows_that_are_nobodys_are_refused():
    with pytest.raises(ModelError, match=r"weights: expected rows of 1 clips .* found \(3, 8\)"):
        attentions(Strange(), pipeline(), collate([clip()]))


def attention(axes, values, frames, valid=None):
    """An attention of one view, segment and person."""
    values, frames = np.float32(values)[None, None, None], np.float32(frames)[None, None]
    here = np.ones(frames.shape[-1], bool) if valid is None else np.array(valid)
    return Attention("here", axes, values, frames, here[None, None, None])


def test_received_is_the_mean_over_heads_and_valid_queries():
    weights = np.zeros((2, 3, 3))
    weights[0, :, 0] = weights[1, :, 1] = 1
    weights[:, 2] = [0.5, 0.5, 0]  # a query that is not valid
    one = attention(("heads", "query", "key"), weights, [0, 1, 2], [True, True, False])
    np.testing.assert_allclose(received(one)[0, 0, 0], [0.5, 0.5, 0])


def test_scores_of_frames_are_those_of_the_model_s_frames_that_are_read_of_them():
    one = attention(("frame",), [-1, 0.5, 0], [0, 4, 8])
    scores = frame_scores([one], 9)
    assert scores[[0, 4, 8]].tolist() == [1, 0.5, 0], "by absolute value"
    assert scores[2] == pytest.approx(0.75) and scores[6] == pytest.approx(0.25)
    between = attention(("frame",), [0, 1], [0, 1.5])
    assert frame_scores([between], 3).tolist() == [0, 1, 1]
    twice = attention(("frame",), [1, 0, 0.4], [0, 0, 1])
    np.testing.assert_allclose(frame_scores([twice], 2), [0.5, 0.4])
    nobody = attention(("frame",), [1, 1], [0, 1], [False, False])
    assert frame_scores([nobody], 2).tolist() == [0, 0]
    assert frame_scores([attention(("joint",), [1, 1], [0, 1])], 2) is None
    cropped = attention(("frame",), [1, 2], [1, 3])
    assert frame_scores([cropped], 5).tolist() == [0, 1, 1.5, 2, 0], "the ends are never read"
    leaves = attention(("frame",), [1, 1, 1], [0, 2, 4], [True, False, True])
    assert frame_scores([leaves], 5).tolist() == [1, 0.5, 0, 0.5, 1]


def test_scores_of_joints_are_of_those_who_are_there():
    values = np.float32([[[[-1, 0.5], [9, 9]]]])
    valid = np.array([[[[True, True], [False, False]]]])
    one = Attention("here", ("joint",), values, np.zeros((1, 1, 2), np.float32), valid)
    np.testing.assert_allclose(joint_scores([one]), [1, 0.5])
    whole = attention(("frame", "joint"), [[1, -1], [3, 0], [9, 9]], [0, 1, 2], [1, 1, 0])
    np.testing.assert_allclose(joint_scores([whole]), [2, 0.5])
    assert joint_scores([attention(("frame",), [1], [0])]) is None


class Looks(nn.Module):
    """Tells classes by how one joint moves in one part of a clip, and says where it looks."""

    inputs = ("poses", "mask")

    def __init__(self, honest=True):
        super().__init__()
        self.joint_weights = Observed(("rows", "joint"))
        self.frame_weights = Observed(("rows", "frame"))
        self.honest = honest

    def forward(self, poses, mask):
        frames, joints = poses.new_zeros(16), poses.new_zeros(15)
        frames[4:6], joints[HAND] = -1, -1
        shown = (frames, joints) if self.honest else (1 - frames.abs(), 1 - joints.abs())
        self.frame_weights(shown[0].expand(len(poses), -1))
        self.joint_weights(shown[1].expand(len(poses), -1))
        seen = poses[:, 0, 4:6, HAND].abs().sum((1, 2))
        return torch.stack([torch.full_like(seen, 0.5), seen], dim=1)


@pytest.mark.parametrize("honest", [True, False])
def test_deletion_tells_attention_that_is_true(honest):
    clips = [clip(16, 1, seed, name=f"clip {seed}") for seed in range(12)]
    for one in clips:
        one.coords[:, :, list(LAYOUT.origin)] = 0
    batch = collate(clips)
    curves = attention_deletion(
        Looks(honest),
        pipeline(frames=16, persons=1),
        batch,
        layout=LAYOUT,
        generator=np.random.default_rng(0),
        windows=8,
        shares=(0.125, 0.25),
    )
    found = {(curve.unit, curve.fill): curve for curve in curves}
    assert len(found) == 4 and all(curve.by == "absolute weight" for curve in curves)
    for unit in ("joints", "frames"):
        curve = found[unit, "zero"]
        assert curve.ranked[0] == 1
        assert curve.ranked[1:] == ((0, 0) if honest else (1, 1))
        assert curve.random[1] > 0.6
    assert found["frames", "mean"].clips == 12


def test_attention_received_ranks_frames():
    model = made("san_v2")
    curves = attention_deletion(
        model,
        pipeline(),
        collate([clip(7), clip(30, 1, 1)]),
        layout=LAYOUT,
        generator=np.random.default_rng(0),
        draws=1,
    )
    assert [(curve.by, curve.unit) for curve in curves] == [("attention received", "frames")] * 2
