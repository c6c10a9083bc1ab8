"""Occlusion and deletion on models whose answer is known."""

import numpy as np
import pytest
import torch
from torch import nn

from gesta.clip import Clip
from gesta.errors import ShapeError
from gesta.explain import deletion_curves, occlusion
from gesta.explain.occlusion import window_edges
from gesta.explain.scoring import stages
from gesta.skeleton import get_layout
from gesta.transforms import AugmentOptions, InputOptions, InputPipeline, collate

LAYOUT = get_layout("sbu_15")
HAND = LAYOUT.index("left_hand")


def unchanged(batch, *, training, generator):
    assert not training and generator is None
    return batch


class OneJoint(nn.Module):
    """Says class 1 in proportion to how far one joint moves in x, and looks at nothing else."""

    inputs = ("poses", "mask")

    def __init__(self, frames=slice(None)):
        super().__init__()
        self.frames = frames

    def forward(self, poses, mask):
        x = poses[:, 0, :, HAND, 0]
        moved = (x - x.mean(dim=1, keepdim=True))[:, self.frames].abs().mean(dim=1)
        return torch.stack([torch.zeros_like(moved), 2 * moved], dim=1)


def moving_clip(frames=20, seed=0, label=1, name="clip"):
    coords = np.random.default_rng(seed).normal(size=(1, frames, 15, 3)).astype(np.float32)
    return Clip(coords, LAYOUT, id=name, label=label)


@pytest.mark.parametrize("fill", ["mean", "zero"])
def test_only_the_joint_that_the_model_looks_at_matters(fill):
    batch = collate([moving_clip()])
    (found,) = occlusion(OneJoint(), unchanged, batch, layout=LAYOUT, fill=fill)
    others = np.delete(found.joints, HAND)
    assert abs(found.joints[HAND]) > 1e-3
    np.testing.assert_allclose(others, 0, atol=1e-6)
    if fill == "mean":
        # A joint that does not move leaves both classes equal: the fall is log p - log 1/2.
        assert found.joints[HAND] == pytest.approx(found.log_prob + np.log(2), abs=1e-5)


def test_only_the_frames_that_the_model_looks_at_matter():
    coords = np.zeros((1, 20, 15, 3), np.float32)
    coords[0, 8:12, HAND, 0] = [1, -1, 1, -1]
    batch = collate([Clip(coords, LAYOUT, id="still but once", label=1)])
    (found,) = occlusion(OneJoint(), unchanged, batch, layout=LAYOUT, windows=5, grid=True)
    assert found.frames.shape == (20,)
    assert (found.frames[8:12] > 0.05).all()
    assert np.abs(np.delete(found.frames, range(8, 12))).max() == 0
    assert found.grid.shape == (5, 15)
    assert np.argwhere(np.abs(found.grid) > 1e-6).tolist() == [[2, HAND]]
    assert found.grid[2, HAND] == pytest.approx(found.windows[2])


def test_clips_of_other_lengths_in_a_batch_change_nothing():
    clips = [moving_clip(7, 1, name="a"), moving_clip(31, 2, name="b")]
    together = occlusion(OneJoint(), unchanged, collate(clips), layout=LAYOUT)
    for clip, found in zip(clips, together, strict=True):
        (alone,) = occlusion(OneJoint(), unchanged, collate([clip]), layout=LAYOUT)
        assert found.id == clip.id
        assert found.frames.shape == (clip.frames,)
        np.testing.assert_allclose(found.joints, alone.joints, atol=1e-6)
        np.testing.assert_allclose(found.frames, alone.frames, atol=1e-6)


def test_the_watched_class_can_be_the_true_one_or_any():
    batch = collate([moving_clip(label=0)])
    (predicted,) = occlusion(OneJoint(), unchanged, batch, layout=LAYOUT)
    (label,) = occlusion(OneJoint(), unchanged, batch, layout=LAYOUT, target="label")
    (first,) = occlusion(OneJoint(), unchanged, batch, layout=LAYOUT, target=[0])
    assert (predicted.target, label.target) == (1, 0)
    assert predicted.joints[HAND] > 0 > label.joints[HAND]
    np.testing.assert_array_equal(label.joints, first.joints)


def test_rows_at_once_changes_nothing_and_the_mode_of_the_model_is_kept():
    model, batch = OneJoint().train(), collate([moving_clip()])
    (one,) = occlusion(model, unchanged, batch, layout=LAYOUT, rows_at_once=1)
    (many,) = occlusion(model, unchanged, batch, layout=LAYOUT, rows_at_once=1000)
    np.testing.assert_allclose(one.joints, many.joints, atol=1e-6)
    assert model.training


def test_views_of_a_clip_are_averaged_as_probabilities():
    class ByPosition(nn.Module):
        inputs = ("poses", "mask")

        def forward(self, poses, mask):
            return torch.tensor([[0.0, 4.0], [4.0, 0.0]]).repeat(len(poses) // 2, 1)

    def twice(batch, *, training, generator):
        return batch.rows(torch.arange(len(batch)).repeat_interleave(2))

    (found,) = occlusion(ByPosition(), twice, collate([moving_clip()]), layout=LAYOUT, target=[0])
    assert found.log_prob == pytest.approx(np.log(0.5), abs=1e-6)


@pytest.mark.parametrize("frames", [0, 1])
def test_empty_and_one_frame_clips(frames):
    coords = np.zeros((1 if frames else 0, frames, 15, 3), np.float32)
    batch = collate([Clip(coords, LAYOUT, id="short", label=0)])
    (found,) = occlusion(OneJoint(), unchanged, batch, layout=LAYOUT)
    assert found.frames.shape == (1,)
    assert np.isfinite(found.joints).all() and np.isfinite(found.frames).all()


def test_missing_persons_are_not_filled_in():
    class Second(nn.Module):
        inputs = ("poses", "mask")

        def forward(self, poses, mask):
            assert not poses[:, 1].any()
            return poses.new_zeros(len(poses), 2)

    batch = collate([moving_clip()], persons=2)
    for fill in ("mean", "zero"):
        occlusion(Second(), unchanged, batch, layout=LAYOUT, fill=fill)


def test_bad_questions_are_refused():
    batch = collate([moving_clip(label=None)])
    with pytest.raises(ShapeError, match="expected a class from 0"):
        occlusion(OneJoint(), unchanged, batch, layout=LAYOUT, target="label")
    with pytest.raises(ShapeError, match="expected one of mean, zero"):
        occlusion(OneJoint(), unchanged, batch, layout=LAYOUT, fill="noise")
    with pytest.raises(ShapeError, match="at least one window"):
        occlusion(OneJoint(), unchanged, batch, layout=LAYOUT, windows=0)
    with pytest.raises(ShapeError, match="V=20"):
        occlusion(OneJoint(), unchanged, batch, layout=get_layout("kinect_v1_20"))


@pytest.mark.parametrize("frames, edges", [(1, [0, 1]), (3, [0, 1, 2, 3]), (8, [0, 2, 4, 6, 8])])
def test_windows_cover_every_frame_once(frames, edges):
    assert window_edges(frames, 4).tolist() == edges


def test_deletion_tells_an_explanation_from_chance():
    clips = [moving_clip(16, seed, name=f"clip {seed}") for seed in range(12)]
    batch = collate(clips)
    found = occlusion(OneJoint(), unchanged, batch, layout=LAYOUT)
    curves = deletion_curves(
        OneJoint(),
        unchanged,
        batch,
        found,
        layout=LAYOUT,
        generator=np.random.default_rng(0),
        shares=(0.07, 0.3),
    )
    assert [(c.unit, c.fill) for c in curves] == [
        ("joints", "mean"),
        ("joints", "zero"),
        ("frames", "mean"),
        ("frames", "zero"),
    ]
    joints = curves[0]
    assert joints.shares == (0.0, 0.07, 0.3)
    assert joints.ranked == (1.0, 0.0, 0.0)  # one joint of fifteen is all there is to see
    assert joints.random[1] > 0.8
    assert joints.clips == 12


def test_deletion_refuses_clips_it_cannot_judge():
    batch = collate([moving_clip(label=None)])
    found = occlusion(OneJoint(), unchanged, batch, layout=LAYOUT)
    rng = np.random.default_rng(0)
    with pytest.raises(ShapeError, match="needs a label"):
        deletion_curves(OneJoint(), unchanged, batch, found, layout=LAYOUT, generator=rng)
    with pytest.raises(ShapeError, match="an importance for each clip"):
        deletion_curves(OneJoint(), unchanged, batch, [], layout=LAYOUT, generator=rng)


@pytest.mark.parametrize("stream", ["joint", "bone", "joint_motion", "bone_motion"])
@pytest.mark.parametrize(
    "options",
    [
        {"frames": 12, "view": "normalised", "size": "body"},
        {"frames": 12, "centre": "every_frame", "sampling": "uniform", "views": 2},
        {"frames": 12, "crop": 0.8, "views": 3},
        {"frames": 6, "sampling": "window"},
    ],
)
def test_the_two_stages_do_what_the_pipeline_does(options, stream):
    pipeline = InputPipeline(InputOptions(**options), AugmentOptions(), LAYOUT, stream)
    coords = np.random.default_rng(0).normal(size=(2, 20, 15, 3)).astype(np.float32)
    coords[1, :4] = np.nan
    coords[0, 3:6, 4] = np.nan
    batch = collate([Clip(coords, LAYOUT, id="a")])
    whole = pipeline(batch, training=False)
    place, rest = stages(pipeline)
    staged = rest(place(batch), training=False, generator=None)
    torch.testing.assert_close(staged.poses, whole.poses, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(staged.mask, whole.mask)
    torch.testing.assert_close(staged.clip, whole.clip)
