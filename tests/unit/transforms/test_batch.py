import numpy as np
import pytest
import torch

from gesta.clip import fill_missing, presence
from gesta.errors import ShapeError
from gesta.transforms import collate


def test_clips_are_filled_padded_and_masked(quirks):
    batch = collate(quirks)
    assert batch.poses.shape == (8, 3, 20, 20, 3)
    assert batch.poses.is_contiguous() and batch.poses.dtype == torch.float32
    assert batch.poses.isfinite().all()
    assert batch.lengths.tolist() == [20, 17, 15, 11, 1, 8, 0, 6]
    assert batch.labels.tolist() == [1, 1, 1, 1, 2, -1, 1, 2]
    assert batch.clip.tolist() == list(range(8))
    for row, clip in enumerate(quirks):
        m, t = clip.persons, clip.frames
        np.testing.assert_array_equal(batch.poses[row, :m, :t], fill_missing(clip.coords))
        np.testing.assert_array_equal(batch.mask[row, :m, :t], presence(clip))
        assert not batch.mask[row, m:].any() and not batch.mask[row, :, t:].any()
        assert not batch.poses[row, m:].any() and not batch.poses[row, :, t:].any()


def test_a_batch_of_an_empty_clip_has_one_absent_person_and_one_frame(make_clip):
    batch = collate([make_clip(persons=0, frames=0)])
    assert batch.poses.shape == (1, 1, 1, 20, 3)
    assert not batch.mask.any() and not batch.poses.any()


def test_persons_are_cut_and_padded(make_clip):
    clips = [make_clip(persons=1), make_clip(persons=3, seed=1)]
    batch = collate(clips, persons=2)
    assert batch.mask.any(-1).tolist() == [[True, False], [True, True]]
    np.testing.assert_array_equal(batch.poses[1], clips[1].coords[:2])


def test_confidence_is_zero_where_a_joint_is_missing(make_clip):
    clip = make_clip()
    assert collate([clip]).confidence is None

    coords = clip.coords.copy()
    coords[1, 3, 4] = np.nan
    holed = clip.replace(coords=coords)
    confidence = collate([clip, holed]).confidence
    assert confidence.sum() == confidence.numel() - 1
    assert confidence[1, 1, 3, 4] == 0

    half = holed.replace(confidence=np.full(clip.coords.shape[:3], 0.5, np.float32))
    confidence = collate([half]).confidence
    assert confidence[0, 1, 3, 4] == 0 and confidence[0, 0, 0, 0] == 0.5


def test_rows_repeat_and_reorder(make_clip):
    batch = collate([make_clip(seed=s, frames=4 + s) for s in range(3)])
    rows = batch.rows(torch.tensor([2, 0, 2]))
    assert rows.ids == ["clip2", "clip0", "clip2"]
    assert rows.clip.tolist() == [2, 0, 2] and rows.lengths.tolist() == [6, 4, 6]
    assert torch.equal(rows.poses[0], batch.poses[2]) and len(rows) == 3


def test_moving_to_a_device_keeps_what_is_known(quirks):
    batch = collate(quirks)
    moved = batch.to("meta")
    assert {moved.poses.device.type, moved.confidence.device.type} == {"meta"}
    assert moved.lengths.device.type == moved.device.type == "meta"
    assert moved.ids == batch.ids and collate(quirks[:1]).to("meta").confidence is None


def test_clips_that_do_not_go_together_are_named(make_clip):
    with pytest.raises(ShapeError, match="at least one clip"):
        collate([])
    with pytest.raises(ShapeError, match=r"clip 'clip0'.*V=20.*\(2, 12, 25, 3\)"):
        collate([make_clip(), make_clip(layout="kinect_v2_25")])
