import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gesta.transforms import InputOptions, collate
from gesta.transforms.temporal import (
    Span,
    cut,
    plan_test,
    plan_training,
    resize,
    sample,
    split,
    uniform,
    whole,
)

LENGTHS = torch.tensor([1, 2, 7, 16, 40, 0])
SAMPLINGS = ["resize", "uniform", "window", "loop", "zero_pad", "random", "random_or_crop"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def options(sampling, frames=8, **rest):
    return InputOptions(sampling=sampling, frames=frames, **rest)


def spans(*pairs):
    return Span(*torch.tensor(pairs).T)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32))
def test_resize_interpolates_like_numpy(length, frames, seed):
    values = np.random.default_rng(seed).normal(size=length)
    position = resize(spans((0, length)), frames)[0].double().numpy()
    expected = np.linspace(0, length - 1, frames)
    np.testing.assert_allclose(position, expected, atol=1e-5)
    found = np.interp(position, np.arange(length), values)
    np.testing.assert_allclose(found, np.interp(expected, np.arange(length), values), atol=1e-4)


def test_a_resized_clip_is_linear_between_frames_and_masked_by_the_nearer(make_clip):
    clip = make_clip(persons=2, frames=9)
    coords = clip.coords.copy()
    coords[1, 5:] = np.nan
    confidence = np.random.default_rng(0).random((2, 9, 20), dtype=np.float32)
    clip = clip.replace(coords=coords, confidence=confidence)
    batch = collate([make_clip(frames=30), clip])
    rows = sample(batch, plan_test(batch.lengths, options("resize", 21)))

    times = np.linspace(0, 8, 21)
    filled = batch.poses[1, :, :9].numpy()
    seen = batch.confidence[1, :, :9].numpy()
    for person in range(2):
        expected = np.interp(times, np.arange(9), filled[person, :, 3, 1])
        np.testing.assert_allclose(rows.poses[1, person, :, 3, 1], expected, atol=1e-5)
        expected = np.interp(times, np.arange(9), seen[person, :, 6])
        np.testing.assert_allclose(rows.confidence[1, person, :, 6], expected, atol=1e-5)
    nearest = np.floor(times + 0.5).astype(int)
    np.testing.assert_array_equal(rows.mask[1], batch.mask[1].numpy()[:, nearest])


@pytest.mark.parametrize("sampling", [*SAMPLINGS, "all"])
def test_every_position_is_a_frame_of_the_clip(sampling):
    chosen = options(sampling, None if sampling == "all" else 8)
    for plan in (
        plan_test(LENGTHS, chosen),
        plan_training(LENGTHS, chosen, (0.3, 1.0), generator()),
    ):
        last = LENGTHS.clamp(min=1)[plan.row, None] - 1
        assert (plan.position >= 0).all() and (plan.position <= last).all()
        assert (plan.length >= 1).all() and (plan.length <= plan.position.shape[1]).all()
        assert plan.row.unique().tolist() == list(range(len(LENGTHS)))


def test_uniform_sampling_takes_the_centre_of_each_part_in_test():
    position = plan_test(torch.tensor([16, 24, 4]), options("uniform")).position
    assert position.tolist() == [
        [1, 3, 5, 7, 9, 11, 13, 15],
        [1, 4, 7, 10, 13, 16, 19, 22],
        [0, 0, 1, 1, 2, 2, 3, 3],
    ]


@given(st.integers(1, 500), st.integers(1, 100))
def test_uniform_sampling_stays_in_its_parts(length, frames):
    span = spans((5, length))
    part = np.arange(frames)
    first = uniform(span, frames, torch.zeros(1, frames))[0].numpy() - 5
    np.testing.assert_array_equal(first, part * length // frames)
    late = uniform(span, frames, torch.full((1, frames), 1 - 2**-24))[0].numpy() - 5
    assert (late >= first).all() and (late <= -(-(part + 1) * length // frames)).all()
    assert late.max() <= length - 1


def test_uniform_sampling_reaches_every_frame_in_training():
    seen = [
        plan_training(torch.tensor([24]), options("uniform"), (1.0, 1.0), generator(s)).position
        for s in range(60)
    ]
    position = torch.cat(seen)
    assert position.unique().tolist() == list(range(24))
    assert (position // 3 == torch.arange(8)).all()


def test_views_of_uniform_sampling_differ_and_spread():
    plan = plan_test(torch.tensor([32, 8]), options("uniform", views=2))
    assert plan.row.tolist() == [0, 0, 1, 1]
    assert plan.position[0].tolist() == [1, 5, 9, 13, 17, 21, 25, 29]
    assert plan.position[1].tolist() == [3, 7, 11, 15, 19, 23, 27, 31]
    assert torch.equal(plan.position[2], plan.position[3])


def test_views_of_a_crop_go_from_start_to_end():
    plan = plan_test(torch.tensor([20]), options("resize", 2, crop=0.5, views=3))
    assert plan.position.tolist() == [[0, 9], [5, 14], [10, 19]]


def test_windows_in_test_cover_a_clip_and_the_last_repeats():
    plan = plan_test(torch.tensor([10, 3, 8, 0]), options("window", 4))
    assert plan.row.tolist() == [0, 0, 0, 1, 2, 2, 3]
    assert plan.position.tolist() == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 9], [0, 1, 2, 0], [0, 1, 2, 3], [4, 5, 6, 7],
        [0, 0, 0, 0],
    ]  # fmt: skip


def test_a_window_in_training_starts_anywhere_with_the_same_probability():
    frames = torch.full((6000,), 10)
    plan = plan_training(frames, options("window", 4), (1.0, 1.0), generator())
    assert (plan.position.diff(dim=1) == 1).all()
    counts = plan.position[:, 0].bincount()
    assert len(counts) == 7
    assert ((counts - 6000 / 7).abs() < 5 * (6000 / 7) ** 0.5).all()


def test_loop_repeats_and_zero_pad_pads():
    frames = torch.tensor([3, 12])
    assert plan_test(frames, options("loop")).position.tolist() == [
        [0, 1, 2, 0, 1, 2, 0, 1], [2, 3, 4, 5, 6, 7, 8, 9],
    ]  # fmt: skip
    plan = plan_test(frames, options("zero_pad"))
    assert plan.length.tolist() == [3, 8]
    assert plan.position[1].tolist() == [2, 3, 4, 5, 6, 7, 8, 9]


def test_zero_padding_is_masked(make_clip):
    batch = collate([make_clip(frames=3), make_clip(frames=12)])
    rows = sample(batch, plan_test(batch.lengths, options("zero_pad")))
    assert rows.mask[0].tolist() == [[True] * 3 + [False] * 5] * 2
    assert rows.mask[1].all() and rows.lengths.tolist() == [3, 8]


def test_all_frames_are_padded_to_the_longest(make_clip):
    batch = collate([make_clip(frames=3), make_clip(frames=12)])
    rows = sample(batch, plan_test(batch.lengths, options("all", None)))
    assert rows.poses.shape[2] == 12 and rows.lengths.tolist() == [3, 12]
    assert torch.equal(rows.mask, batch.mask)


def test_the_centre_is_cut_in_test():
    plan = plan_test(torch.tensor([20, 1]), options("resize", 3, crop=0.9))
    assert plan.position.tolist() == [[1, 9.5, 18], [0, 0, 0]]


def test_a_random_crop_keeps_to_its_shares():
    frames = torch.full((500,), 100)
    plan = plan_training(frames, options("resize", 2), (0.5, 0.8), generator())
    length = plan.position[:, 1] - plan.position[:, 0] + 1
    assert length.min() in range(50, 53) and length.max() in range(78, 81)
    assert plan.position[:, 0].min() < 3 and plan.position[:, 1].max() > 97


def test_segments_are_rows_side_by_side():
    plan = plan_test(torch.tensor([12, 2]), options("resize", 2, segments=3))
    assert plan.row.tolist() == [0, 0, 0, 1, 1, 1]
    assert plan.position.tolist() == [[0, 3], [4, 7], [8, 11], [0, 0], [0, 0], [1, 1]]
    training = plan_training(LENGTHS, options("uniform", 4, segments=3), (0.5, 1), generator())
    assert training.row.tolist() == [n for n in range(6) for _ in range(3)]


def test_segments_stand_within_their_view():
    chosen = options("uniform", 2, segments=2, views=2)
    plan = plan_test(torch.tensor([16]), chosen)
    assert plan.position.tolist() == [[1, 5], [9, 13], [3, 7], [11, 15]]


@given(st.integers(1, 50), st.integers(1, 8))
def test_segments_cover_the_span(length, segments):
    parts = split(spans((3, length)), segments)
    assert parts.start[0] == 3 and parts.start[-1] + parts.length[-1] == 3 + length
    assert (parts.length >= 1).all()
    if length >= segments:
        assert parts.length.sum() == length and parts.length.max() - parts.length.min() <= 1


@given(st.integers(0, 50), st.floats(0.01, 2), st.floats(0, 1))
def test_a_cut_lies_within_its_span(length, share, place):
    span = whole(torch.tensor([length]))
    part = cut(span, share, torch.tensor([place]))
    assert part.length >= 1 and part.start >= 0
    assert part.start + part.length <= max(length, 1)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_same_seed_draws_the_same_plan(sampling):
    first, again, other = (
        plan_training(LENGTHS, options(sampling), (0.5, 1.0), generator(seed)) for seed in (3, 3, 4)
    )
    assert torch.equal(first.position, again.position)
    assert not torch.equal(first.position, other.position)


def test_sampled_rows_keep_what_is_known_of_their_clip(quirks):
    batch = collate(quirks)
    rows = sample(batch, plan_test(batch.lengths, options("uniform", views=2)))
    assert rows.ids == [clip.id for clip in quirks for _ in range(2)]
    assert rows.clip.tolist() == [n for n in range(8) for _ in range(2)]
    assert torch.equal(rows.labels, batch.labels.repeat_interleave(2))
    assert rows.poses.shape == (16, 3, 8, 20, 3) and rows.confidence.shape == (16, 3, 8, 20)


def test_random_frames_are_in_order_and_any_set_is_as_likely():
    frames = torch.full((6000,), 5)
    position = plan_training(frames, options("random", 3), (1.0, 1.0), generator()).position
    assert (position.diff(dim=1) > 0).all(), "no frame twice while there are enough"
    sets, counts = position.unique(dim=0, return_counts=True)
    assert len(sets) == 10
    assert ((counts - 600).abs() < 5 * 600**0.5).all()


def test_random_frames_of_short_clips_are_drawn_with_replacement():
    frames = torch.tensor([0, 1, 4, 8, 30])
    for seed in range(20):
        position = plan_training(frames, options("random"), (1.0, 1.0), generator(seed)).position
        assert (position.diff(dim=1) >= 0).all() and (position >= 0).all()
        assert (position < frames.clamp(min=1)[:, None]).all()
        assert position[3].tolist() == list(range(8)), "as many as there are: all of them"
        assert len(position[4].unique()) == 8
    short = plan_training(torch.full((500,), 4), options("random"), (1.0, 1.0), generator())
    assert short.position.unique(dim=0).shape[0] > 50


def test_random_frames_lie_in_the_crop():
    frames = torch.full((200,), 100)
    position = plan_training(frames, options("random"), (0.2, 0.2), generator()).position
    assert (position[:, -1] - position[:, 0] < 20).all() and position.max() > 90


def test_half_of_the_rows_are_random_and_half_cropped():
    frames = torch.full((2000,), 160)
    chosen = options("random_or_crop")
    position = plan_training(frames, chosen, (0.5, 0.5), generator()).position
    steps = position.diff(dim=1)
    cropped = (steps == 10).all(dim=1)  # 80 frames in 8 equal parts
    assert 900 < int(cropped.sum()) < 1100
    assert position[cropped].min() >= 5 and position[cropped].max() <= 80 + 75
    spread = position[~cropped]
    assert int((spread[:, -1] - spread[:, 0] > 80).sum()) > 800, "drawn from the whole clip"


@pytest.mark.parametrize("sampling", ["random", "random_or_crop"])
def test_in_test_they_are_one_uniformly_sampled_view(sampling):
    chosen = {"crop": 0.9, "views": 2}
    plan = plan_test(LENGTHS, options(sampling, **chosen))
    uniform = plan_test(LENGTHS, options("uniform", **chosen))
    assert torch.equal(plan.position, uniform.position) and torch.equal(plan.row, uniform.row)
