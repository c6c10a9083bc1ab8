"""Skeletons as SVG: what is drawn, what is not, and where."""

import numpy as np
import pytest

from gesta.clip import Clip
from gesta.errors import ShapeError
from gesta.formats import read_clip
from gesta.report.draw import FrameWeights, bone_figure, filmstrip, side, skeleton, spread
from gesta.report.projection import Box, project
from gesta.skeleton import get_layout, list_layouts


def circles(read_svg, picture, kind="joint"):
    return [c for c in read_svg(picture, "circle") if kind in c.get("class").split()]


@pytest.mark.parametrize("layout", list_layouts())
def test_every_layout_is_drawn_whole(read_svg, make_clip, layout):
    clip = make_clip(layout=layout)
    picture = skeleton(project(clip)[:, 0], clip.layout, standalone=True)
    assert len(circles(read_svg, picture)) == len(clip.layout)
    bones = sum(path.get("d").count("M") for path in read_svg(picture, "path"))
    assert bones == len(clip.layout.bones)


def test_missing_joints_and_their_bones_are_not_drawn(read_svg, make_clip):
    clip = make_clip()
    points = project(clip)[:, 0]
    points[0, clip.layout.index("left_elbow")] = np.nan
    picture = skeleton(points, clip.layout)
    assert len(circles(read_svg, picture)) == 14
    bones = sum(path.get("d").count("M") for path in read_svg(picture, "path"))
    assert bones == 14 - 2
    assert "nan" not in picture


def test_kinect_is_drawn_upright_and_pixels_as_they_are(make_clip):
    coords = np.zeros((1, 1, 15, 3), np.float32)
    coords[..., 1] = 2
    clip = Clip(coords, get_layout("sbu_15"))
    assert project(clip)[0, 0, 0].tolist() == [0, -2]
    flat = make_clip(pixels=True)
    np.testing.assert_allclose(project(flat), flat.coords)


def test_a_unit_frame_keeps_the_proportions_of_its_video(make_clip):
    clip = make_clip(pixels=True).replace(space="unit_frame", frame_size=(320, 240))
    np.testing.assert_allclose(project(clip), clip.coords * [320, 240], rtol=1e-6)


def test_a_quarter_turn_shows_the_side(make_clip):
    clip = make_clip()
    front, turned = project(clip), project(clip, turn=90)
    np.testing.assert_allclose(turned[..., 1], front[..., 1])
    z = clip.coords[..., 2]
    np.testing.assert_allclose(np.ptp(turned[..., 0]), np.ptp(z), rtol=1e-5)


def test_one_scale_serves_both_axes_and_all_is_inside():
    points = np.array([[0.0, 0.0], [1.0, 3.0]])
    placed = Box.around(points).place(points, 200, 100)
    assert (placed[1] - placed[0])[1] / (placed[1] - placed[0])[0] == pytest.approx(3)
    assert (placed > 0).all() and (placed < [200, 100]).all()


def test_a_glitch_does_not_shrink_the_people():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 2))
    points[7] = [5000, 5000]
    assert Box.around(points).width < 50


def test_boxes_of_nothing_and_of_one_point_are_finite():
    for points in (np.full((3, 2), np.nan), np.zeros((1, 2)), np.zeros((0, 2))):
        placed = Box.around(points).place(np.zeros((1, 2)), 100, 100)
        assert np.isfinite(placed).all()


def test_weights_make_discs_larger_and_negative_ones_rings(read_svg, make_clip):
    clip = make_clip()
    weights = np.zeros(15)
    weights[3], weights[4], weights[5] = 1.0, 0.25, -0.5
    picture = skeleton(project(clip)[:, 0], clip.layout, weights=weights)
    found = circles(read_svg, picture, "for")
    assert len(found) == 2 and len(circles(read_svg, picture, "against")) == 1
    assert float(found[0].get("r")) > float(found[1].get("r")) > 0


def test_a_filmstrip_spreads_its_frames_and_numbers_them(read_svg, make_clip):
    clip = make_clip(frames=20)
    strip = filmstrip(project(clip), clip.layout, count=4)
    assert [t.text for t in read_svg(strip, "text")] == [f"frame {f}" for f in (0, 6, 13, 19)]
    assert spread(3, 8) == [0, 1, 2] and spread(100, 2) == [0, 99]


@pytest.mark.parametrize("frames, persons", [(1, 1), (0, 1), (5, 0), (3, 2)])
def test_short_and_empty_clips_are_drawn(read_svg, make_clip, frames, persons):
    clip = make_clip(frames=frames, persons=persons)
    weights = FrameWeights(np.ones(max(frames, 1)))
    strip = filmstrip(project(clip), clip.layout, frame_weights=weights)
    texts = [t.text for t in read_svg(strip, "text")]
    assert texts == (
        [f"frame {f}" for f in range(frames)] if frames and persons else ["nobody in this clip"]
    )


def test_frame_bars_stand_above_and_below_the_axis(read_svg, make_clip):
    clip = make_clip(frames=6)
    bars = FrameWeights(np.array([0, 1, 0.5, 0, -1, np.nan]))
    strip = filmstrip(project(clip), clip.layout, frame_weights=bars)
    rects = read_svg(strip, "rect")
    up = [r for r in rects if r.get("class") == "bar-for"]
    down = [r for r in rects if r.get("class") == "bar-against"]
    assert [len(up), len(down)] == [2, 1]
    assert float(up[0].get("height")) == pytest.approx(2 * float(up[1].get("height")))
    assert float(down[0].get("y")) == pytest.approx(
        float(up[0].get("y")) + float(up[0].get("height"))
    )


def test_labels_are_escaped(read_svg, make_clip):
    clip = make_clip()
    picture = filmstrip(project(clip), clip.layout, label='<b>&"\x07')
    assert read_svg(picture).get("aria-label").startswith('<b>&"')


def test_pictures_of_their_own_need_no_page(make_clip):
    clip = make_clip()
    picture = skeleton(project(clip)[:, 0], clip.layout, standalone=True)
    assert "var(--" not in picture and "prefers-color-scheme:dark" in picture


def test_bones_are_as_thick_as_their_weights(read_svg, make_clip):
    clip = make_clip()
    weights = np.ones(14)
    weights[2] = 4
    picture = bone_figure(project(clip)[:, 0], clip.layout, weights, label="bones")
    widths = [float(line.get("stroke-width")) for line in read_svg(picture, "line")]
    assert np.argmax(widths) == 2 and len(widths) == 14


def test_points_of_another_layout_are_refused(make_clip):
    with pytest.raises(ShapeError, match="V=17"):
        filmstrip(project(make_clip()), get_layout("coco_17"))


def test_sides():
    assert [side(j) for j in ("left_hand", "right_eye", "neck")] == ["left", "right", "middle"]


def test_real_people_stand_upright_and_agree_with_their_video(test_data):
    for path in sorted((test_data / "ntu_samples").glob("*.skeleton")):
        clip = read_clip(path)
        head, foot = (clip.layout.index(joint) for joint in ("head", "left_foot"))
        points = project(clip)
        assert np.nanmean(points[..., foot, 1] - points[..., head, 1]) > 1  # metres
        seen = project(
            clip.replace(coords=clip.pixels, channels=("x", "y"), space="pixels", pixels=None)
        )
        there = ~np.isnan(points[..., 0]) & ~np.isnan(seen[..., 0])
        for axis in (0, 1):  # the drawing and the RGB frame have the same left and up
            assert np.corrcoef(points[there][:, axis], seen[there][:, axis])[0, 1] > 0.9
