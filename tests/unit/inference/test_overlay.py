import av
import numpy as np
import pytest

from gesta.errors import MediaError
from gesta.inference import Segment
from gesta.inference.overlay import (
    COLOURS,
    Figure,
    Painter,
    label_text,
    overlay_size,
    said_at,
    write_overlay,
)
from gesta.skeleton import get_layout

COCO = get_layout("coco_17")


def body(size, number=0, text="walk 83 %", middle=0.5):
    rng = np.random.default_rng(number)
    joints = rng.uniform(0.3, 0.7, (17, 2)) * size
    joints[:, 0] += (middle - 0.5) * size[0]
    return Figure(number, joints.astype(np.float32), np.full(17, 0.9, np.float32), text)


def colour(figure):
    return np.frombuffer(bytes.fromhex(COLOURS[figure.number][1:]), np.uint8)


def pixels_of(image, figure):
    return (image == colour(figure)).all(axis=-1)


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (1920, 1080), (3840, 2160)])
def test_lines_and_letters_grow_with_the_picture(size):
    figure = body(size)
    image = np.zeros((size[1], size[0], 3), np.uint8)
    drawn = Painter(size, COCO).draw(image, [figure])
    assert drawn.shape == image.shape and not image.any()
    assert 0.002 < pixels_of(drawn, figure).mean() < 0.1


def test_a_label_stays_in_the_picture_and_labels_keep_off_each_other():
    size = (320, 240)
    painter = Painter(size, COCO)
    image = np.zeros((240, 320, 3), np.uint8)
    high = Figure(0, np.full((17, 2), 2.0, np.float32), np.ones(17, np.float32), "run 99 %")
    same = Figure(1, high.joints, high.confidence, "run 99 %")
    alone = [pixels_of(painter.draw(image, [one]), one).sum() for one in (high, same)]
    both = painter.draw(image, [high, same])
    # The second covers joints of the first, but no letter of either is lost.
    assert pixels_of(both, same).sum() >= 0.9 * alone[1]
    assert pixels_of(both, high).sum() > 0.5 * alone[0]


def test_what_is_missing_or_unsure_is_not_drawn():
    size = (320, 240)
    nowhere = Figure(0, np.full((17, 2), np.nan, np.float32), np.zeros(17, np.float32), "x")
    unsure = body(size)
    unsure = Figure(0, unsure.joints, np.full(17, 0.01, np.float32), "x")
    image = np.full((240, 320, 3), 7, np.uint8)
    np.testing.assert_array_equal(Painter(size, COCO).draw(image, [nowhere, unsure]), image)


def test_the_largest_pictures_are_made_smaller():
    assert overlay_size((7680, 4320)) == (3840, 2160)
    assert overlay_size((4320, 7680)) == (2160, 3840)
    assert overlay_size((320, 240)) == (320, 240)


def test_what_is_said_at_a_moment():
    walk = Segment(0.0, 2.0, "walk_fast", (("walk_fast", 0.834), ("run", 0.1)))
    doubt = Segment(2.0, 3.0, "unknown", (("run", 0.2),))
    assert said_at({0: (walk, doubt)}, 1.0) == {0: "walk fast 83 %"}
    assert said_at({0: (walk, doubt)}, 2.0) == {0: "unknown"}
    assert said_at({0: (walk, doubt)}, 3.0) == {}
    assert label_text(walk) == "walk fast 83 %"


def test_a_video_is_written_with_what_was_seen(make_watcher, make_video, eyes, tmp_path):
    path = make_video([True] * 10 + [False] * 6, size=(161, 121))
    watched = make_watcher(clip_seconds=(0.5, 0.5, 0.5)).watch(path, estimator=eyes)
    counted = []
    out = write_overlay(path, tmp_path / "seen.mp4", watched, counted.append)
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 16 and counted == list(range(1, 17))
    blue = [((f[..., 2] > 150) & (f[..., 0] < 130)).sum() for f in frames]
    assert min(blue[:10]) > 40 and max(blue[13:]) == 0


def test_an_overlay_that_cannot_be_written(make_watcher, make_video, eyes, tmp_path):
    path = make_video([True] * 3)
    watched = make_watcher().watch(path, estimator=eyes)
    with pytest.raises(MediaError, match="ends in"):
        write_overlay(path, tmp_path / "seen.txt", watched)
