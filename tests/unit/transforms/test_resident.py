from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gesta.clip import Clip, fill_missing
from gesta.errors import ShapeError
from gesta.transforms import ResidentClips, collate, resident


@dataclass
class Flat:
    coords: np.ndarray
    confidence: np.ndarray | None
    offsets: np.ndarray
    persons: np.ndarray
    frames: np.ndarray


@dataclass
class Source:
    """An archive as far as a resident needs one."""

    clips: list[Clip]

    @property
    def ids(self):
        return [clip.id for clip in self.clips]

    @property
    def labels(self):
        return np.array([-1 if c.label is None else c.label for c in self.clips])

    def flat(self, indices=None):
        clips = self.clips if indices is None else [self.clips[i] for i in indices]
        rows = [clip.coords.reshape(-1, *clip.coords.shape[2:]) for clip in clips]
        known = [c.confidence for c in clips if c.confidence is not None]
        return Flat(
            np.concatenate(rows),
            np.concatenate([k.reshape(-1, k.shape[-1]) for k in known]) if known else None,
            np.cumsum([0, *map(len, rows)]),
            np.array([clip.persons for clip in clips]),
            np.array([clip.frames for clip in clips]),
        )


def resident_of(clips, **options):
    return ResidentClips.from_archive(Source(clips), np.arange(len(clips)), **options)


def assert_same(found, expected):
    for name in ("mask", "labels", "clip", "frames"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    assert found.ids == expected.ids
    assert found.poses.is_contiguous()
    torch.testing.assert_close(found.poses, expected.poses, atol=1e-5, rtol=0)
    assert (found.confidence is None) == (expected.confidence is None)
    if found.confidence is not None:
        torch.testing.assert_close(found.confidence, expected.confidence)


@pytest.mark.parametrize("persons", [None, 1, 2, 5])
@pytest.mark.parametrize("fill_rows", [1, 30, 1 << 18])
def test_a_batch_is_what_collating_the_clips_gives(quirks, persons, fill_rows, monkeypatch):
    monkeypatch.setattr(resident, "FILL_ROWS", fill_rows)
    clips = resident_of(quirks, persons=persons)
    assert len(clips) == 8 and clips.labels.tolist()[5] == -1
    for positions in ([0, 1, 2, 3, 4, 5, 6, 7], [3, 3, 1], [5, 3], [6, 3]):
        expected = collate([quirks[i] for i in positions], persons=persons)
        assert_same(clips.batch(torch.tensor(positions)), expected)


def test_indices_choose_and_order_the_clips(quirks):
    clips = ResidentClips.from_archive(Source(quirks), np.array([4, 0]))
    assert clips.ids == ["one frame", "clip1"] and clips.labels.tolist() == [2, 1]
    assert_same(clips.batch(torch.tensor([1, 0])), collate([quirks[0], quirks[4]]))


def test_confidences_of_the_archive_are_kept(make_clip):
    rng = np.random.default_rng(0)
    clips = [make_clip(seed=s, frames=5 + s) for s in range(2)]
    clips = [c.replace(confidence=rng.random(c.coords.shape[:3], dtype=np.float32)) for c in clips]
    assert_same(resident_of(clips).batch(torch.tensor([0, 1])), collate(clips))


def test_whole_clips_need_no_confidence_and_change_nothing_of_the_archive(make_clip):
    source = Source([make_clip()])
    flat = source.flat()
    flat.coords[3, 2] = np.nan
    before = flat.coords.copy()
    clips = ResidentClips(flat, source.labels, source.ids)
    clips.batch(torch.tensor([0])).poses.zero_()
    np.testing.assert_array_equal(flat.coords, before)
    assert clips.batch(torch.tensor([0])).poses.any()
    assert resident_of([make_clip()]).batch(torch.tensor([0])).confidence is None


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
    source = Source([make_clip(), make_clip(seed=1)])
    flat = source.flat()
    with pytest.raises(ShapeError, match="expected 2 ids"):
        ResidentClips(flat, source.labels, ["one"])
    with pytest.raises(ShapeError, match="labels"):
        ResidentClips(flat, source.labels[:1], source.ids)
    flat.frames = flat.frames + 1
    with pytest.raises(ShapeError, match="persons times frames"):
        ResidentClips(flat, source.labels, source.ids)
