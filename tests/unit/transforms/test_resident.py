from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gesta.archive import FlatClips, write_archive
from gesta.clip import fill_missing
from gesta.errors import ShapeError
from gesta.transforms import ResidentClips, collate, resident

CLASSES = ("wave", "sit", "walk")


@pytest.fixture
def archived(tmp_path):
    """Writes clips as an archive."""
    return lambda clips: write_archive(tmp_path / "archive", clips, CLASSES)


def flat_of(clip):
    """One clip as an archive lays it out."""
    joints, channels = clip.coords.shape[2:]
    rows = clip.coords.reshape(-1, joints, channels)
    persons, frames = np.array([clip.persons]), np.array([clip.frames])
    return FlatClips(rows, None, np.array([0, len(rows)]), persons, frames)


def all_of(archive, **options):
    return ResidentClips.from_archive(archive, np.arange(len(archive)), **options)


def assert_same(found, expected):
    for name in ("mask", "labels", "clip", "lengths"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    assert found.ids == expected.ids
    assert found.poses.is_contiguous()
    torch.testing.assert_close(found.poses, expected.poses, atol=1e-5, rtol=0)
    assert (found.confidence is None) == (expected.confidence is None)
    if found.confidence is not None:
        torch.testing.assert_close(found.confidence, expected.confidence)


@pytest.mark.parametrize("persons", [None, 1, 2, 5])
@pytest.mark.parametrize("fill_rows", [1, 30, 1 << 18])
def test_a_batch_is_what_collating_the_clips_gives(
    quirks, archived, persons, fill_rows, monkeypatch
):
    monkeypatch.setattr(resident, "FILL_ROWS", fill_rows)
    clips = all_of(archived(quirks), persons=persons)
    assert len(clips) == 8 and clips.labels.tolist()[5] == -1
    for positions in ([0, 1, 2, 3, 4, 5, 6, 7], [3, 3, 1], [5, 3], [6, 3]):
        expected = collate([quirks[i] for i in positions], persons=persons)
        assert_same(clips.batch(torch.tensor(positions)), expected)


def test_indices_choose_and_order_the_clips(quirks, archived):
    clips = ResidentClips.from_archive(archived(quirks), np.array([4, 0]))
    assert clips.ids == ["one frame", "clip1"] and clips.labels.tolist() == [2, 1]
    assert_same(clips.batch(torch.tensor([1, 0])), collate([quirks[0], quirks[4]]))


def test_confidences_of_the_archive_are_kept(make_clip, archived):
    rng = np.random.default_rng(0)
    clips = [make_clip(seed=s, frames=5 + s) for s in range(2)]
    clips = [c.replace(confidence=rng.random(c.coords.shape[:3], dtype=np.float32)) for c in clips]
    assert_same(all_of(archived(clips)).batch(torch.tensor([0, 1])), collate(clips))


def test_whole_clips_need_no_confidence_and_change_nothing_of_the_archive(make_clip):
    flat = flat_of(make_clip())
    assert ResidentClips(flat, np.array([0]), ["a"]).batch(torch.tensor([0])).confidence is None

    flat.coords[3, 2] = np.nan
    before = flat.coords.copy()
    clips = ResidentClips(flat, np.array([0]), ["a"])
    clips.batch(torch.tensor([0])).poses.zero_()
    np.testing.assert_array_equal(flat.coords, before)
    batch = clips.batch(torch.tensor([0]))
    assert batch.poses.any() and batch.confidence.sum() == batch.confidence.numel() - 1


@settings(max_examples=50)
@given(st.data())
def test_gaps_are_filled_like_those_of_a_clip(data):
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 3)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    coords = rng.normal(size=(*shape, 2)).astype(np.float32)
    coords[rng.random(shape) < data.draw(st.floats(0, 1))] = np.nan
    expected = fill_missing(coords)

    rows = torch.from_numpy(coords).reshape(-1, shape[2], 2).clone()
    starts = torch.arange(0, shape[0] * shape[1], shape[1])
    resident._fill_gaps(rows, ~rows[..., 0].isnan(), starts, starts + shape[1])
    np.testing.assert_allclose(rows.reshape(expected.shape), expected, atol=1e-6)


def test_arrays_that_do_not_fit_are_refused(make_clip):
    flat, label = flat_of(make_clip()), np.array([0])
    with pytest.raises(ShapeError, match="expected 1 ids"):
        ResidentClips(flat, label, ["one", "two"])
    with pytest.raises(ShapeError, match="labels"):
        ResidentClips(flat, np.array([0, 1]), ["one"])
    with pytest.raises(ShapeError, match="persons times frames"):
        ResidentClips(replace(flat, frames=flat.frames + 1), label, ["one"])
