"""Drawings of attention that is known, taken apart again."""

import zlib
from base64 import b64decode

import numpy as np
import pytest

from gesta.errors import ShapeError
from gesta.explain import Attention, DeletionCurve
from gesta.report.attended import attention_pictures, point_name
from gesta.report.attention_maps import HeadMaps, head_maps
from gesta.report.attention_picks import Asked
from gesta.report.attention_section import truth_rows
from gesta.report.attention_strips import Weighed, largest, signed, strongest, weighed_strip
from gesta.report.drawing import stacked
from gesta.report.projection import project
from gesta.report.raster import shades
from gesta.skeleton import get_layout

LAYOUT = get_layout("sbu_15")


def pixels(address):
    """(H, W, 4) of an image that `shades` made."""
    data = b64decode(address.removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, found = 8, {}
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        found[kind] = data[at + 8 : at + 8 + length]
        crc = int.from_bytes(data[at + 8 + length : at + 12 + length])
        assert crc == zlib.crc32(kind + found[kind])
        at += 12 + length
    assert list(found) == [b"IHDR", b"IDAT", b"IEND"]
    width, height = (int.from_bytes(found[b"IHDR"][i : i + 4]) for i in (0, 4))
    lines = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, 4)


def test_shades_are_an_image_of_one_colour():
    image = pixels(shades(np.float32([[0, 0.5, 1], [2, -1, 0.2]]), "#102030"))
    assert (image[..., :3] == [16, 32, 48]).all()
    assert image[..., 3].tolist() == [[0, 128, 255], [255, 0, 51]]


def even(layers=2, heads=3, frames=8):
    weights = np.full((layers, heads, frames, frames), 1 / frames, np.float32)
    return weights, np.linspace(0, 20, frames, dtype=np.float32), np.ones(frames, bool)


def test_maps_share_one_scale_and_stand_row_by_row(read_svg):
    weights, frames, valid = even()
    weights[1, 2] = np.eye(8)
    weights[1, 2, 0] = np.eye(8)[5]  # the first frame looks at the sixth
    found = HeadMaps(weights, frames, valid)
    assert found.spread[0].tolist() == pytest.approx([8, 8, 8])
    assert found.spread[1, 2] == pytest.approx(1) and found.full == pytest.approx(8)
    drawing = head_maps(found, "block & more")
    picture = stacked([drawing], "a picture")
    images = [pixels(one.get("href")) for one in read_svg(picture, "image")][:-1]
    assert len(images) == 6
    assert set(images[0][..., 3].ravel()) == {32}, "even attention: an eighth of the full shade"
    assert images[5][0, :, 3].argmax() == 5 and images[5][3, :, 3].argmax() == 3
    words = [one.text for one in read_svg(picture, "text")]
    for word in ("head 1", "head 3", "layer 2", "frame that is attended to (key)", "block & more"):
        assert word in words
    assert words.count("over 8.0 frames") == 5 and words.count("over 1.0 frames") == 1
    assert any("query" in word for word in words) and "20" in words


def test_frames_without_the_person_are_blank():
    weights, frames, valid = even()
    valid[6:] = False
    weights[..., 6:] = 0
    weights[..., :6] = 1 / 6
    found = HeadMaps(weights, frames, valid)
    assert found.spread.ravel().tolist() == pytest.approx([6] * 6) and found.full == 2
    nobody = HeadMaps(weights, frames, np.zeros(8, bool))
    assert nobody.full == 2 and not nobody.spread.any()
    with pytest.raises(ShapeError, match="weights: expected shape"):
        HeadMaps(weights, frames[:7], valid)


def test_picks_are_the_largest_weights_apart_in_time_order():
    weights = np.zeros((2, 40), np.float32)
    weights[0, [20, 21, 3, 30]] = [0.5, 0.4, 0.2, 0.1]
    valid = np.arange(40) < 35
    asked = Asked(weights, np.arange(40, dtype=np.float32), valid, 7)
    assert asked.picks(0) == [3, 20, 30], "21 is next to 20"
    assert len(asked.picks(1)) == 3 and asked.even == pytest.approx(1 / 35)
    weights[1, 39] = 1
    assert 39 not in asked.picks(1), "nobody is there"


def test_point_names_are_for_people():
    names = {
        "trunk.position_block.layers.0.attention.weights": "position block",
        "trunk.block.layers.3.attention.weights": "block",
        "motion.attention.joint_weights": "motion",
        "attention.map": "input",
    }
    assert {path: point_name(path) for path in names} == names


def head_attention(layer, valid, segments=2, heads=2, frames=5):
    rng = np.random.default_rng(layer)
    weights = rng.random((1, segments, 2, heads, frames, frames), dtype=np.float32)
    weights /= weights.sum(-1, keepdims=True)
    read = np.linspace(0, 11, segments * frames, dtype=np.float32).reshape(1, segments, frames)
    path = f"trunk.block.layers.{layer}.attention.weights"
    return Attention(path, ("heads", "query", "key"), weights, read, valid)


def test_each_person_who_is_there_and_each_segment_is_drawn(make_clip):
    valid = np.ones((1, 2, 2, 5), bool)
    valid[0, 1, 1] = False  # the second person has gone
    found = [head_attention(layer, valid) for layer in range(2)]
    clip = make_clip(frames=12, persons=2)
    pictures = attention_pictures(found, clip, query=10)
    titles = [one.drawing.title for one in pictures]
    assert [one.kind for one in pictures] == ["picks", "maps", "maps", "picks", "maps"]
    assert "person 1, segment 2 of 2, last layer: what frame 10 (asked for)" in titles[0]
    assert "segment 2 of 2" in titles[2]
    assert "what frame 5" in titles[3], "the nearest in which the second person is"
    alone = attention_pictures(found, clip, everybody=False)
    assert [one.kind for one in alone] == ["picks", "maps", "maps"]
    gone = [head_attention(0, np.zeros((1, 2, 2, 5), bool))]
    assert attention_pictures(gone, clip) == []


def test_a_picture_is_whole_and_says_what_it_shows(make_clip, read_svg):
    found = [head_attention(layer, np.ones((1, 2, 2, 5), bool)) for layer in range(2)]
    clip = make_clip(frames=12, persons=2, id="<clip> & co")
    pictures = attention_pictures(found, clip)
    picture = stacked([one.drawing for one in pictures], "clip <clip> & co")
    root = read_svg(picture)
    assert root.get("aria-label") == "clip <clip> & co" and "var(" not in picture
    assert max(one.drawing.width for one in pictures) < float(root.get("width"))
    shown = [one.text for one in read_svg(picture, "text")]
    assert any(text.startswith("asks: frame") for text in shown)


def weighed(frames=5):
    joints = np.zeros((frames, 2, 15), np.float32)
    joints[:, 0, 3], joints[:, 0, 7], joints[:, 1, 9] = 0.9, -0.5, 0.2
    times = np.tile(np.float32([1, -0.5, 0, 0.25, 0])[:, None], (1, 2))
    return Weighed(np.linspace(0, 11, frames, dtype=np.float32), joints, times)


def test_joints_and_frames_are_drawn_by_weight_and_sign(make_clip, read_svg):
    points = project(make_clip(frames=12, persons=2))
    drawing = weighed_strip(points, LAYOUT, weighed(), "position")
    picture = stacked([drawing], "weights")
    circles = read_svg(picture, "circle")
    positive = [one for one in circles if one.get("class") == "joint for"]
    negative = [one for one in circles if one.get("class") == "joint against"]
    assert len(positive) == 2 * 5 and len(negative) == 5
    opacities = {float(one.get("opacity")) for one in positive}
    assert sorted(opacities) == pytest.approx([0.4, 0.925], abs=0.01)
    borders = [one for one in read_svg(picture, "rect") if "border" in one.get("class", "")]
    assert [one.get("class") for one in borders][:2] == ["border-for", "border-against"]
    assert [float(one.get("stroke-width")) for one in borders][:2] == [7.0, 3.5]
    shown = [one.text for one in read_svg(picture, "text")]
    assert "frame 0: +1.00" in shown and "frame 3: \u22120.50" in shown
    assert any(text.startswith("largest joint weights: ") for text in shown)


def test_large_weights_are_scaled_and_small_ones_are_not():
    small = weighed()
    assert np.abs(small.scaled()[0]).max() == pytest.approx(0.9)
    large = Weighed(small.frames, 10 * small.joint_weights, None)
    assert np.abs(large.scaled()[0]).max() == 1 and large.scaled()[1] is None
    names = strongest(small.joint_weights, LAYOUT, 2).split(", ")
    assert names[0].endswith("+0.90") and names[1].endswith("\u22120.50")
    assert largest(np.float32([[0.1, -0.5], [0.3, 0.2]])).tolist() == pytest.approx([-0.5, 0.3])
    assert signed(-0.5) == "\u22120.50"


def test_a_strip_may_lack_one_kind_of_weights(make_clip):
    points, given = project(make_clip(frames=12)), weighed()
    for one in (
        Weighed(given.frames, given.joint_weights, None),
        Weighed(given.frames, None, given.frame_weights),
    ):
        assert weighed_strip(points, LAYOUT, one, "part").marks


def test_truth_is_told_in_points_of_accuracy():
    curve = DeletionCurve(
        "frames", "zero", (0.0, 0.1, 0.2), (0.9, 0.6, 0.5), (0.9, 0.8, 0.7), 10, 3, "attention"
    )
    first, second = truth_rows(curve)
    assert first["what"] == "frames by attention, put at the body's origin"
    assert (first["share"], first["ranked"], first["random"]) == pytest.approx((10, 60, 80))
    assert second["whole"] == pytest.approx(90)
