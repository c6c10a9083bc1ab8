import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.inference.windows import LEAST_SEEN, average, slide, where_seen

STEPS = st.lists(st.floats(0.0, 2.0), min_size=1, max_size=60).filter(lambda s: sum(s) > 0)


def even(frames, rate=10.0):
    return np.arange(frames + 1) / rate


def test_windows_by_hand():
    assert slide(even(20), 1.0, 0.5).tolist() == [[0, 10], [5, 15], [10, 20]]
    # The last window ends with the last frame, wherever the stride would have put it.
    assert slide(even(23), 1.0, 0.5).tolist() == [[0, 10], [5, 15], [10, 20], [13, 23]]


@pytest.mark.parametrize("frames", [1, 5, 10])
def test_what_is_no_longer_than_a_window_is_one(frames):
    assert slide(even(frames), 1.0, 0.25).tolist() == [[0, frames]]


def test_frames_that_last_unequally_are_counted_by_their_times():
    edges = np.concatenate([np.arange(0, 1, 0.1), np.arange(1, 3.01, 0.5)])
    assert slide(edges, 1.0, 1.0).tolist() == [[0, 10], [10, 12], [12, 14]]


@given(STEPS, st.floats(0.05, 5.0), st.floats(0.1, 1.0))
def test_windows_are_in_order_and_miss_no_frame(steps, length, share):
    edges = np.cumsum([0.0, *steps])
    windows = slide(edges, length, share * length)
    frames = len(steps)
    assert (windows[:, 1] > windows[:, 0]).all()
    assert (windows >= 0).all() and (windows <= frames).all()
    assert len(np.unique(windows, axis=0)) == len(windows)
    assert (np.diff(windows[:, 0]) >= 0).all() and (np.diff(windows[:, 1]) >= 0).all()
    held = np.zeros(frames, bool)
    for start, stop in windows:
        held[start:stop] = True
    assert held.all()


@given(st.integers(1, 300), st.integers(1, 50), st.integers(1, 50))
def test_even_frames_make_even_windows(frames, length, stride):
    stride = min(stride, length)
    windows = slide(even(frames, 25.0), length / 25, stride / 25)
    sizes = windows[:, 1] - windows[:, 0]
    assert set(sizes.tolist()) == {min(length, frames)}
    assert windows[0, 0] == 0 and windows[-1, 1] == frames
    assert (np.diff(windows[:-1, 0]) == stride).all()


def test_only_where_somebody_is_seen():
    seen = np.zeros(100, bool)
    seen[20:40] = True
    assert where_seen(seen, even(100), 1.0, 0.5).tolist() == [[20, 30], [25, 35], [30, 40]]
    seen[70:100] = True
    windows = where_seen(seen, even(100), 1.0, 0.5)
    shares = [seen[start:stop].mean() for start, stop in windows]
    assert min(shares) >= LEAST_SEEN and windows[-1].tolist() == [90, 100]
    assert not ((windows[:, 0] >= 40) & (windows[:, 1] <= 70)).any()


def test_a_glimpse_of_somebody_is_not_judged():
    seen = np.zeros(100, bool)
    seen[50:52] = True
    assert len(where_seen(seen, even(100), 1.0, 0.5)) == 0
    # But where there is no more than that, it is.
    assert where_seen(np.ones(2, bool), even(2), 1.0, 0.5).tolist() == [[0, 2]]
    assert len(where_seen(np.zeros(9, bool), even(9), 1.0, 0.5)) == 0


def test_windows_together_say_the_mean_of_each():
    windows = np.array([[0, 4], [2, 6], [8, 10]])
    scores = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    edges, mean = average(windows, scores)
    assert edges.tolist() == [0, 2, 4, 6, 8, 10]
    np.testing.assert_array_equal(mean, [[1, 0], [0.5, 0.5], [0, 1], [np.nan, np.nan], [0.5, 0.5]])


@given(st.integers(0, 6), st.data())
def test_the_mean_at_each_frame(count, data):
    windows, scores = [], []
    for _ in range(count):
        start = data.draw(st.integers(0, 20))
        windows.append([start, data.draw(st.integers(start + 1, 25))])
        scores.append(data.draw(st.lists(st.floats(0, 1), min_size=2, max_size=2)))
    windows, scores = np.array(windows).reshape(-1, 2), np.array(scores).reshape(-1, 2)
    edges, mean = average(windows, scores)
    for piece, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        for frame in range(start, stop):
            over = (windows[:, 0] <= frame) & (frame < windows[:, 1])
            if over.any():
                np.testing.assert_allclose(mean[piece], scores[over].mean(axis=0))
            else:
                assert np.isnan(mean[piece]).all()
