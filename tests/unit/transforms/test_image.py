"""Cutting and scaling pictures, and the boxes that are cut."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from gesta.media.crop import projection_crop, square_crop
from gesta.nn.imagenet import IMAGENET_MEAN
from gesta.transforms import NOWHERE, VideoOptions
from gesta.transforms.crops import crop_boxes, into_crop, projection_boxes
from gesta.transforms.image import cut_one_by_one, cut_together, normalise


def pictures(rows=2, length=3, height=12, width=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (rows, length, height, width, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


both_ways = pytest.mark.parametrize("cut", [cut_one_by_one, cut_together])


@both_ways
def test_a_box_of_the_size_that_is_wanted_is_cut_pixel_by_pixel(cut):
    frames = pictures()
    boxes = torch.tensor([[0.0, 0, 8, 8], [5, 3, 13, 11]])
    found = cut(frames, boxes, 8, torch.tensor([False, True]))
    assert found.shape == (2, 3, 3, 8, 8)
    plain = frames[0, :, :8, :8].permute(3, 0, 1, 2) / 255
    turned = frames[1, :, 3:11, 5:13].flip(2).permute(3, 0, 1, 2) / 255
    torch.testing.assert_close(found[0], plain)
    torch.testing.assert_close(found[1], turned)


@both_ways
@pytest.mark.parametrize("size", [3, 5, 12, 20])
def test_scaling_is_linear_and_takes_the_mean_where_it_shrinks(cut, size):
    frames = pictures(1, 2, 12, 12)
    found = cut(frames, torch.tensor([[0.0, 0, 12, 12]]), size)
    plain = frames[0].permute(0, 3, 1, 2).float() / 255
    wanted = interpolate(plain, (size, size), mode="bilinear", antialias=True)
    within = 1e-5 if cut is cut_together else 1 / 255
    torch.testing.assert_close(found[0].transpose(0, 1), wanted, atol=within, rtol=0)


def test_both_ways_of_cutting_give_the_same():
    frames, boxes = pictures(3), torch.tensor([[0.0, 0, 9, 9], [2, 1, 14, 12], [4, 4, 7, 7]])
    mirrored = torch.tensor([False, True, True])
    one, other = (cut(frames, boxes, 6, mirrored) for cut in (cut_one_by_one, cut_together))
    torch.testing.assert_close(one, other, atol=1.01 / 255, rtol=0)
    alone = [cut_together(frames[i, None], boxes[i, None], 6, mirrored[i, None]) for i in range(3)]
    torch.testing.assert_close(other, torch.cat(alone))


def test_a_box_between_pixels_and_at_the_edge_is_cut_in_whole_ones():
    frames = pictures(1)
    found = cut_one_by_one(frames, torch.tensor([[15.7, 11.8, 16.0, 12.0]]), 2)
    corner = (frames[0, :, 11, 15].T / 255)[:, :, None, None].expand(-1, -1, 2, 2)
    torch.testing.assert_close(found[0], corner)


def test_the_mean_of_imagenet_becomes_zero():
    grey = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    assert normalise(grey).abs().max() < 1e-6
    assert normalise(torch.ones(1, 3, 1, 1)).flatten().tolist() == pytest.approx(
        [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    )


def test_squares_lie_where_they_are_asked_for():
    sizes = torch.tensor([[320.0, 240.0]]).repeat(200, 1)
    generator = torch.Generator().manual_seed(0)
    centre = [float(edge) for edge in square_crop((320, 240))]
    for crop in ("corners", "centre", "random"):
        assert crop_boxes(sizes[:1], VideoOptions(crop=crop), None, None)[0].tolist() == centre
    corners = crop_boxes(sizes, VideoOptions(crop="corners", scales=(1.0, 0.5)), None, generator)
    places = ("centre", "top_left", "top_right", "bottom_left", "bottom_right")
    wanted = {square_crop((320, 240), place, scale) for place in places for scale in (1.0, 0.5)}
    assert {tuple(map(int, box)) for box in corners.tolist()} == wanted
    anywhere = crop_boxes(sizes, VideoOptions(crop="random", scales=(0.5,)), None, generator)
    assert (anywhere[:, 2:] - anywhere[:, :2] == 120).all()
    assert (anywhere >= 0).all() and (anywhere[:, 2:] <= sizes).all()
    assert len(anywhere.unique(dim=0)) > 100


@given(
    st.lists(st.tuples(st.floats(-200, 700), st.floats(-200, 500)), min_size=0, max_size=5),
    st.sampled_from([(640, 480), (64, 48), (1, 1)]),
)
def test_the_box_around_joints_is_that_of_the_media_room(points, size):
    joints = torch.full((1, 6, 2), NOWHERE)
    if points:
        joints[0, : len(points)] = torch.tensor(points, dtype=torch.float32)
    known = joints[0].double().numpy()
    known[known == NOWHERE] = np.nan
    found = projection_boxes(torch.tensor([size], dtype=torch.float32), joints, None)
    wanted = projection_crop(known, size)
    # Whole pixels around a box whose edge is a hair beside one differ by rounding.
    assert np.abs(np.array(found[0].tolist()) - wanted).max() <= 1
    x0, y0, x1, y1 = found[0].tolist()
    assert 0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]


def test_in_training_a_box_grows_from_a_corner_and_holds_all_joints():
    sizes = torch.tensor([[1920.0, 1080.0]]).repeat(400, 1)
    joints = torch.tensor([[900.0, 500], [1000, 700], [NOWHERE, NOWHERE]]).repeat(400, 1, 1)
    boxes = projection_boxes(sizes, joints, torch.Generator().manual_seed(0))
    low, high = boxes[:, :2], boxes[:, 2:]
    kept = torch.stack([low == torch.tensor([900.0, 500]), high == torch.tensor([1000.0, 700])])
    assert (kept.sum(dim=0) == 1).all(), "one corner stays"
    corners = kept[0].float().unique(dim=0)
    assert len(corners) == 4
    grown = (high - low) - torch.tensor([100.0, 200])
    assert grown.min() >= 100 and grown.max() <= 301 and grown.std() > 40


def test_joints_are_carried_into_a_crop():
    boxes = torch.tensor([[10.0, 20, 30, 60], [10, 20, 30, 60]])
    points = torch.tensor([[10.0, 20], [20, 40], [30, 60], [NOWHERE, NOWHERE], [5, 40]])
    points = points.repeat(2, 1, 1)
    found = into_crop(points, boxes, 100, torch.tensor([False, True]))
    outside = [NOWHERE, NOWHERE]
    assert found[0].tolist() == [[0, 0], [50, 50], outside, outside, outside]
    assert found[1, 1].tolist() == [50, 50] and found[1, 0].tolist() == outside
