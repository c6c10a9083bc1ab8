"""The boxes of a whole batch are those of one frame at a time."""

import numpy as np
import pytest
import torch

from gesta.media.crop import carry_joints, projection_crop, square_crop
from gesta.transforms.batch import NOWHERE
from gesta.transforms.crops import crop_boxes, into_crop
from gesta.transforms.options import VideoOptions

SIZES = np.array([[320, 240], [1920, 1080], [241, 321], [64, 48]] * 8)


@pytest.fixture(scope="module")
def joints():
    """(rows, joints, 2): some missing, some outside, some frames with nobody."""
    drawn = np.random.default_rng(0)
    spread = drawn.uniform(0, 0.6, (len(SIZES), 1, 1))
    pixels = drawn.uniform(-0.2, 1.2, (len(SIZES), 1, 2)) + spread * drawn.normal(size=(1, 20, 2))
    pixels = pixels * SIZES[:, None]
    pixels[drawn.random(pixels.shape[:2]) < 0.3] = np.nan
    pixels[::7] = np.nan
    return pixels.astype(np.float32)


def test_projection_crops(joints):
    batch = torch.from_numpy(np.nan_to_num(joints, nan=NOWHERE))
    boxes = crop_boxes(torch.tensor(SIZES).float(), VideoOptions(crop="projection"), batch, None)
    for row, size in enumerate(SIZES.tolist()):
        wanted = projection_crop(joints[row], (size[0], size[1]))
        # To a pixel: sums in single precision fall on the other side of a whole number.
        assert np.abs(boxes[row].numpy() - wanted).max() <= 1


def test_centre_crops_and_joints_in_them(joints):
    options = VideoOptions(crop="centre")
    boxes = crop_boxes(torch.tensor(SIZES).float(), options, None, None)
    batch = torch.from_numpy(np.nan_to_num(joints, nan=NOWHERE))
    carried = into_crop(batch, boxes, 112, None).numpy()
    for row, size in enumerate(SIZES.tolist()):
        box = square_crop((size[0], size[1]))
        assert boxes[row].tolist() == list(box)
        wanted = carry_joints(joints[row], box, (112, 112))
        shown = carried[row] > NOWHERE / 2
        np.testing.assert_allclose(carried[row][shown], wanted[shown], atol=1e-3)
