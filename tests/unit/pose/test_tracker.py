"""Who is who from frame to frame, on drawn people."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gesta.errors import PoseError
from gesta.pose import Tracker

RATE = 30.0
FRAME = (640, 480)


class Scene:
    """Plays frames of figures to a tracker; each figure has a name that the tracker never sees."""

    def __init__(self, see, seed=0, noise=1.0, **options):
        self.see, self.noise = see, noise
        self.rng = np.random.default_rng(seed)
        self.tracker = Tracker(**{"frame_size": FRAME, **options})
        self.numbers = {}
        self.frame = 0

    def show(self, **figures):
        """One frame; detections come in any order, each joint a little off."""
        names = list(figures)
        self.rng.shuffle(names)
        noisy = [figures[n] + self.rng.normal(0, self.noise, (17, 2)) for n in names]
        ids = self.tracker.update(self.see(*noisy), self.frame / RATE)
        self.frame += 1
        for name, number in zip(names, ids.tolist(), strict=True):
            self.numbers.setdefault(name, []).append(number)

    def one(self, name):
        """The single number that a figure had in all of its frames."""
        assert len(set(self.numbers[name])) == 1, self.numbers[name]
        return self.numbers[name][0]


@pytest.mark.parametrize("seed", range(5))
def test_two_who_walk_keep_their_numbers_in_any_order(draw, see, seed):
    scene = Scene(see, seed)
    for t in range(30):
        swing = 0.1 * np.sin(t / 3)
        scene.show(a=draw(100 + 2 * t, 240, swing=swing), b=draw(160 + 2 * t, 240, swing=-swing))
    assert scene.one("a") != scene.one("b")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("speed", [2, 5])
def test_a_crossing_changes_nobody(draw, see, seed, speed):
    scene = Scene(see, seed)
    for t in range(-40, 41):
        a, b = draw(320 + speed * t, 240, 150), draw(320 - speed * t, 250, 150)
        hidden = abs(2 * speed * t) < 45
        scene.show(a=a) if hidden else scene.show(a=a, b=b)
    assert scene.one("a") != scene.one("b")


@pytest.mark.parametrize("gap", [1, 5, 20])
def test_a_short_occlusion_changes_nobody(draw, see, gap):
    scene = Scene(see)
    for t in range(60):
        b = {"b": draw(400, 240)}
        hidden = 20 <= t < 20 + gap
        scene.show(**b) if hidden else scene.show(a=draw(100 + 2 * t, 240), **b)
    assert scene.one("a") != scene.one("b")


def test_who_was_away_for_longer_than_memory_is_somebody_new(draw, see):
    scene = Scene(see, memory=0.5)
    for t in range(60):
        scene.show() if 20 <= t < 40 else scene.show(a=draw(200, 240))
    assert len(set(scene.numbers["a"])) == 2


@pytest.mark.parametrize("enters_at", ["other side", "same side"])
def test_who_leaves_is_not_continued_by_who_enters(draw, see, enters_at):
    scene = Scene(see)
    for t in range(40):
        scene.show(a=draw(480 + 5 * t, 240))
    for _ in range(6):
        scene.show()
    for t in range(40):
        scene.show(b=draw(2 * t if enters_at == "other side" else 640 - 2 * t, 240))
    assert scene.one("a") != scene.one("b")


def test_a_child_does_not_continue_a_grown_up_in_the_same_place(draw, see):
    scene = Scene(see)
    for _ in range(10):
        scene.show(a=draw(320, 240, 200))
    for _ in range(10):
        scene.show(b=draw(320, 260, 100))
    assert scene.one("a") != scene.one("b")


def test_somebody_far_away_does_not_continue_one_who_is_gone(draw, see):
    scene = Scene(see)
    for _ in range(10):
        scene.show(a=draw(200, 240))
    for _ in range(10):
        scene.show(b=draw(320, 240))
    assert scene.one("a") != scene.one("b")


def test_a_jump_and_a_growing_person_are_followed(draw, see):
    scene = Scene(see)
    for t in range(30):
        height = 100 + 4 * t
        scene.show(a=draw(320, 300 - 120 * np.sin(np.pi * t / 29), height, 0.2 * (t % 8 > 3)))
    scene.one("a")


def test_a_second_sight_of_a_body_is_nobody(draw, see):
    tracker = Tracker()
    for t in range(5):
        a = draw(200, 240)
        ids = tracker.update(see(a + 2, a, draw(400, 240), scores=[0.3, 0.5, 0.4]), t / RATE)
        assert ids.tolist() == [-1, 0, 1]


def test_two_in_an_embrace_stay_two(draw, see):
    """They come so near that the surer one's body seems to be seen twice."""
    tracker = Tracker()
    for t in range(30):
        apart = max(60 - 4 * t, 6)
        found = see(draw(200, 240, 100), draw(200 + apart, 240, 100), scores=[0.6, 0.4])
        assert tracker.update(found, t / RATE).tolist() == [0, 1]


def test_an_unsure_detection_continues_but_does_not_begin(draw, see):
    tracker = Tracker(start_score=0.2)
    weak = see(draw(200, 240), scores=[0.15])
    assert tracker.update(weak, 0.0).tolist() == [-1]
    assert tracker.update(see(draw(200, 240)), 0.1).tolist() == [0]
    assert tracker.update(weak, 0.2).tolist() == [0]


def test_empty_frames_and_joints_that_are_all_missing(draw, see):
    tracker = Tracker()
    assert tracker.update(see(), 0.0).shape == (0,)
    unknown = see(draw(200, 240))
    unknown.joints[:], unknown.confidence[:] = np.nan, 0
    assert tracker.update(unknown, 0.1).tolist() == [0]
    assert tracker.update(unknown, 0.2).tolist() == [0]
    assert tracker.update(see(draw(200, 240)), 0.3).tolist() == [0]


def test_frames_of_one_time_are_taken_and_time_does_not_go_back(draw, see):
    tracker = Tracker()
    assert [tracker.update(see(draw(200, 240)), t).tolist() for t in (1.0, 1.0, 1.1)] == [[0]] * 3
    with pytest.raises(PoseError, match="1.1"):
        tracker.update(see(draw(200, 240)), 0.9)


@pytest.mark.parametrize("options", [{"memory": -1}, {"size_gate": 0.5}, {"start_score": 2}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(PoseError, match=str(next(iter(options.values())))):
        Tracker(**options)


@settings(max_examples=25)
@given(
    scale=st.floats(0.2, 20),
    turn=st.permutations(range(3)),
    speeds=st.tuples(*[st.floats(-80, 80)] * 3),
)
def test_pixels_and_order_do_not_matter(draw, see, scale, turn, speeds):
    """The same scene larger, its detections in another order, has the same persons."""
    plain, other = Tracker(), Tracker()
    for t in range(12):
        figures = [draw(200 + 150 * k + v * t / RATE, 240) for k, v in enumerate(speeds)]
        first = plain.update(see(*figures), t / RATE)
        second = other.update(see(*(figures[k] * np.float32(scale) for k in turn)), t / RATE)
        if t == 0:
            names = dict(zip(first[list(turn)].tolist(), second.tolist(), strict=True))
        assert [names[n] for n in first[list(turn)].tolist()] == second.tolist()
        assert len(set(second.tolist())) == 3
