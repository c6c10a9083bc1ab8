import numpy as np
import pytest

from gesta.inference.live import PATIENCE, Follower, Stretches
from gesta.inference.segments import Stretch
from gesta.inference.timeline import Timing
from gesta.inference.video import Scene
from gesta.skeleton import get_layout

A, B = np.array([0.9, 0.1]), np.array([0.1, 0.9])


def put_together(pieces, shortest=2.0, longest=100.0):
    stretches = Stretches(shortest, longest)
    told = []
    for place, scores in enumerate(pieces):
        told += stretches.add(Stretch(float(place), place + 1.0, scores))
    told += stretches.end()
    return [(one.start, one.end, one.label) for one in told]


def test_pieces_are_put_together_as_they_come():
    assert put_together([A, A, A, B, B, B]) == [(0, 3, 0), (3, 6, 1)]
    assert put_together([A, A, B, A, A]) == [(0, 5, 0)]
    assert put_together([A, A, A, B]) == [(0, 4, 0)]
    assert put_together([]) == []


def test_what_goes_on_is_told_before_it_ends():
    assert put_together([A] * 10, longest=4.0) == [(0, 4, 0), (4, 8, 0), (8, 10, 0)]


@pytest.fixture
def make_follower(flat_card):
    """A function that makes a follower whose model says where people stand: left or right."""

    def make(**options):
        card = flat_card(classes=("left", "right"))

        def score(clips):
            right = [np.nanmean(clip.coords[..., 0]) > 60 for clip in clips]
            return np.log(np.array([B if one else A for one in right], np.float32))

        scene = Scene((), get_layout("coco_17"), 10.0, (640, 480), "camera:0")
        timing = Timing(window=1.0, stride=0.25)
        return Follower(card, score, scene, timing, **{"together": False} | options)

    return make


def test_people_are_told_apart_and_to_the_time_they_were_there(make_follower, make_sightings):
    sightings = make_sightings({0: (0, 60), 1: (20, 50)}, 60)
    told = list(make_follower().follow(sightings))
    by_track = {0: [], 1: []}
    for track, segment in told:
        by_track[track].append(segment)
    (left,), (right,) = by_track[0], by_track[1]
    assert (left.label, right.label) == ("left", "right")
    assert (left.start, left.end) == (0, pytest.approx(6.0))
    # Where less than half of a window shows somebody, they are not judged yet, or no more.
    assert right.start == pytest.approx(2.0, abs=0.6) and right.end == pytest.approx(5.0, abs=0.6)


def test_results_come_while_the_stream_goes_on_and_memory_stays(make_follower, make_sightings):
    follower, told = make_follower(), []
    for seen in make_sightings({0: (0, 400)}, 400):
        told += follower.update(seen)
        assert len(follower._recent) <= 11
    assert len(told) >= 3, "a segment is told every few windows"
    assert told[0][1].end == pytest.approx(PATIENCE * 1.0)
    told += follower.finish()
    times = [(segment.start, segment.end) for _, segment in told]
    assert all(before[1] == after[0] for before, after in zip(times[:-1], times[1:], strict=True))
    assert times[-1][1] == pytest.approx(40.0)


def test_who_is_gone_is_forgotten(make_follower, make_sightings):
    follower = make_follower()
    told = [one for seen in make_sightings({0: (0, 20)}, 60) for one in follower.update(seen)]
    assert [track for track, _ in told] == [0] and follower._people == {}
    assert follower.current(0) is None
    assert list(follower.finish()) == []


def test_a_stream_that_stood_still_goes_on(make_follower, make_sightings):
    follower = make_follower()
    early = make_sightings({0: (0, 20)}, 20)
    late = [type(one)(one.time + 3600, one.detections, one.tracks) for one in early]
    told = list(follower.follow([*early, *late]))
    assert [segment.start for _, segment in told] == pytest.approx([0, 3600], abs=1)


def test_what_is_said_now(make_follower, make_sightings):
    follower = make_follower(threshold=0.95)
    for seen in make_sightings({0: (0, 20)}, 20):
        list(follower.update(seen))
    assert follower.current(0).label == "unknown"
    assert follower.current(7) is None


def test_all_together(make_follower, make_sightings):
    follower = make_follower(together=True)
    told = list(follower.follow(make_sightings({0: (0, 30)}, 30)))
    assert [(track, one.label) for track, one in told] == [(None, "left")]
    assert list(make_follower(together=True).follow(make_sightings({}, 30))) == []
