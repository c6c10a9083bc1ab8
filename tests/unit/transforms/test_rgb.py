"""Pictures and context go with the poses: the same frames, the same side, the same persons."""

import numpy as np
import pytest
import torch

from gesta.clip import Clip
from gesta.errors import MediaError, RecipeError
from gesta.nn.imagenet import IMAGENET_MEAN, IMAGENET_STD
from gesta.skeleton import get_layout
from gesta.transforms import (
    NOWHERE,
    AugmentOptions,
    ContextRows,
    Footage,
    InputOptions,
    InputPipeline,
    StoredFrames,
    VideoOptions,
    collate,
)

LAYOUT = get_layout("coco_17")
WIDTH, HEIGHT = 40, 30
PICTURES = ("video", "frames", "frame_index", "frame_joints", "moved_joint", "rgb_mask")


def drawn_clip(number, frames, persons=1):
    """A clip whose x coordinates are ten times the number of the frame, and more a clip."""
    coords = np.full((persons, frames, 17, 2), 5.0, np.float32)
    coords[..., 0] = 100 * number + np.arange(frames)[None, :, None]
    return Clip(coords, LAYOUT, ("x", "y"), "pixels", id=f"clip{number}", label=0)


def drawn_frames(clips):
    """Frames of one brightness each: twice the number of the frame and 64 more for each clip."""
    parts = [torch.arange(c.frames, dtype=torch.uint8) * 2 + 64 * i for i, c in enumerate(clips)]
    held = torch.cat(parts)[:, None, None, None].expand(-1, HEIGHT // 2, WIDTH // 2, 3)
    length = torch.tensor([clip.frames for clip in clips])
    sizes = torch.tensor([[WIDTH, HEIGHT]] * len(clips), dtype=torch.float32)
    start = length.cumsum(0) - length
    return StoredFrames([held.contiguous()], torch.zeros_like(length), start, length, sizes)


def footage_of(clips, inputs=PICTURES, source=None, usable=None, **more):
    pixels = np.concatenate([clip.coords[..., :2].reshape(-1, 17, 2) for clip in clips])
    count = len(clips)
    if usable is None:
        usable = torch.ones(count, dtype=torch.bool)
    source = source or drawn_frames(clips)
    return Footage(inputs, torch.arange(count), usable, source, pixels=pixels, **more)


def pipeline(video=None, augment=None, **options):
    options = {"persons": None, "centre": "none"} | options
    return InputPipeline(
        InputOptions(**options),
        augment or AugmentOptions(),
        LAYOUT,
        video=VideoOptions(size=4, **(video or {})),
    )


def brightness(pictures):
    """What was drawn, from normalised pictures (..., 3, H, W) of one colour."""
    plain = pictures[..., 0, 0, 0] * IMAGENET_STD[0] + IMAGENET_MEAN[0]
    return (plain * 255).round()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sampling", ["window", "loop", "uniform", "random", "resize"])
@pytest.mark.parametrize("training", [False, True])
def test_pictures_show_the_frames_of_the_poses(sampling, training):
    clips = [drawn_clip(0, 21), drawn_clip(1, 9), drawn_clip(2, 3)]
    batch = collate(clips, footage=footage_of(clips))
    made = pipeline(frames=8, sampling=sampling)
    rows = made(batch, training=training, generator=generator() if training else None)
    shown = brightness(rows.video.transpose(1, 2))
    x = rows.poses[:, 0, :, 0, 0]
    number, frame = rows.clip.double(), (x - 100 * rows.clip[:, None]).double()
    expected = 2 * (frame + 0.5).floor() + 64 * number[:, None]
    assert rows.video.shape == (len(rows), 3, 8, 4, 4)
    assert torch.equal(shown.double(), expected)
    assert rows.rgb_mask.all()
    if sampling == "window":
        assert len(rows) == (3 if training else 3 + 2 + 1)


def test_short_clips_begin_again_and_windows_are_all_of_the_clip():
    clips = [drawn_clip(0, 3), drawn_clip(1, 20)]
    made = pipeline(frames=16, sampling="window")
    rows = made(collate(clips, footage=footage_of(clips)), training=False)
    shown = brightness(rows.video.transpose(1, 2)).int()
    assert shown[0].tolist() == ([0, 2, 4] * 6)[:16]
    assert shown[1].tolist() == [64 + 2 * t for t in range(16)]
    assert shown[2].tolist() == [64 + 2 * t for t in (16, 17, 18, 19)] * 4
    assert rows.clip.tolist() == [0, 1, 1]


def test_chosen_frames_are_those_of_the_clip_however_it_is_repeated():
    clips = [drawn_clip(0, 11)]
    for sampling, frames in (("loop", 33), ("zero_pad", 33), ("all", None), ("resize", 7)):
        made = pipeline({"position": (0.0, 0.5, 1.0)}, frames=frames, sampling=sampling)
        rows = made(collate(clips, footage=footage_of(clips)), training=False)
        assert brightness(rows.frames)[0].int().tolist() == [0, 10, 20], sampling
        at = rows.poses[0, 0, rows.frame_index[0], 0, 0]
        assert (at + 0.5).floor().tolist() == [0, 5, 10]
        assert (rows.frame_index < 11).all()


class Marked(StoredFrames):
    """Frames that are dark but for one bright joint of a clip."""

    def __init__(self, clip, person, joint):
        held = torch.zeros((clip.frames, HEIGHT, WIDTH, 3), dtype=torch.uint8)
        for frame, (x, y) in enumerate(clip.coords[person, :, joint].astype(int)):
            held[frame, y, x] = 255
        one = torch.zeros(1, dtype=torch.int64)
        sizes = torch.tensor([[WIDTH, HEIGHT]], dtype=torch.float32)
        super().__init__([held], one, one, torch.tensor([clip.frames]), sizes)


def walking_clip(persons=2, frames=9, seed=0):
    """Bodies whose joints lie in the middle of pixels, one of which wanders far."""
    rng = np.random.default_rng(seed)
    coords = rng.integers(12, 18, size=(persons, 1, 17, 2)) + rng.integers(
        0, 2, size=(persons, frames, 17, 2)
    )
    coords[persons - 1, :, 9, 0] += 2 * np.arange(frames)
    return Clip(coords.astype(np.float32) + 0.5, LAYOUT, ("x", "y"), "pixels", id="walk", label=1)


@pytest.mark.parametrize("crop", ["corners", "random", "projection", "centre"])
@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_a_joint_is_where_the_picture_shows_it(crop, mirror):
    clip = walking_clip()
    augment = AugmentOptions(mirror=mirror, shuffle_persons=0.5, rotation=30)
    made = pipeline(
        {"crop": crop, "position": (0.1, 0.5, 0.8), "scales": (1.0, 0.8)}, augment,
        frames=9, sampling="resize",
    )  # fmt: skip
    made = InputPipeline(
        made.input, augment, LAYOUT, video=VideoOptions(**{**vars(made.video), "size": 64})
    )
    seen = 0
    for seed in range(20):
        batch = collate([clip], footage=footage_of([clip], source=Marked(clip, 1, 9)))
        rows = made(batch, training=True, generator=generator(seed))
        # Whose joint it is follows from the order of persons; which side, from the mirror.
        joint = LAYOUT.mirror[9] if mirror else 9
        for number, picture in enumerate(rows.frames[0]):
            places = rows.frame_joints[0, number, :, joint]
            light = picture.mean(0) - picture.mean(0).min()
            if light.max() < 1e-3:
                continue
            grid = torch.arange(64) + 0.5
            middle = torch.stack([(light.sum(0) * grid).sum(), (light.sum(1) * grid).sum()])
            middle = middle / light.sum()
            distance = (places - middle).norm(dim=-1).min()
            whole = (light[0] + light[-1]).max() + (light[:, 0] + light[:, -1]).max() < 1e-3
            if whole and (places > 0).all(dim=-1).any():
                seen += 1
                assert distance < 0.1, (seed, number, places, middle)
                moved = rows.moved_joint[0, number]
                if rows.frame_index[0, number] >= 4:
                    assert (moved - middle).norm() < 0.1
    assert seen > 20


def test_a_mirrored_row_is_the_mirror_of_the_row():
    clip = walking_clip()
    rng = np.random.default_rng(1)
    held = torch.from_numpy(rng.integers(0, 256, (9, HEIGHT, WIDTH, 3), dtype=np.uint8))
    one = torch.zeros(1, dtype=torch.int64)
    sizes = torch.tensor([[WIDTH, HEIGHT]], dtype=torch.float32)
    source = StoredFrames([held], one, one, torch.tensor([9]), sizes)
    context = ContextRows(torch.randn(9, 4, 5), one, torch.tensor([9]), (2, 2))
    inputs = (*PICTURES, "context")
    batch = collate([clip], footage=footage_of([clip], inputs, source, context=context))
    made = [
        pipeline({"crop": "centre"}, AugmentOptions(mirror=chance), frames=9, sampling="resize")
        for chance in (1e-9, 1.0)
    ]
    plain, turned = (one(batch, training=True, generator=generator()) for one in made)
    torch.testing.assert_close(turned.video, plain.video.flip(-1))
    torch.testing.assert_close(turned.frames, plain.frames.flip(-1))
    grid = plain.context.unflatten(2, (2, 2)).flip(3).flatten(2, 3)
    torch.testing.assert_close(turned.context, grid)
    other = plain.frame_joints[..., list(LAYOUT.mirror), :].clone()
    inside = other[..., 0] > 0
    other[..., 0] = torch.where(inside, 4 - other[..., 0], other[..., 0])
    torch.testing.assert_close(turned.frame_joints, other)
    assert turned.moved_joint[0, 0, 1] == plain.moved_joint[0, 0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_the_joint_that_moved_furthest_from_where_it_came(seed):
    rng = np.random.default_rng(seed)
    coords = rng.normal(15, 4, size=(2, 7, 17, 2)).astype(np.float32)
    coords[1, :2] = np.nan
    coords[0, :, 3] = np.nan
    coords[0, 5, 4] = np.nan
    clip = drawn_clip(0, 7, 2).replace(coords=coords)
    pixels = np.nan_to_num(coords.reshape(-1, 17, 2), nan=NOWHERE)
    footage = footage_of([drawn_clip(0, 7)])
    batch = collate([clip], footage=Footage(**{**vars(footage), "pixels": pixels}))
    share = (0.0, 0.4, 0.85)
    augment = AugmentOptions(rotation=45, translate=0.5)
    video = {"crop": "projection", "position": share}
    made = pipeline(video, augment, frames=7, sampling="resize")
    rows = made(batch, training=True, generator=generator(seed))
    for number, frame in enumerate((0, 2, 5)):
        assert rows.frame_index[0, number] == frame
        # The second person comes in the third frame; what is missing then or now never moved.
        moved = np.linalg.norm(coords[:, frame] - [coords[0, 0], coords[1, 2]], axis=-1)
        found = np.unravel_index(np.nanargmax(moved), moved.shape)
        wanted = rows.frame_joints[0, number][found]
        torch.testing.assert_close(rows.moved_joint[0, number], wanted)


@pytest.mark.parametrize(("sure", "joint"), [(0.9, 3), (0.1, 4), (0.0, None)])
def test_guesses_at_joints_have_moved_nowhere(sure, joint):
    coords = np.full((1, 7, 17, 2), 12.0, np.float32)
    coords[0, :, 3, 0] += 2 * np.arange(7)
    coords[0, :, 4, 1] += np.arange(7)
    confidence = np.full((1, 7, 17), 0.9 if sure else 0.1, np.float32)
    confidence[0, 3:, 3] = sure
    clip = drawn_clip(0, 7).replace(coords=coords, confidence=confidence)
    made = pipeline({"crop": "centre"}, frames=7, sampling="resize")
    rows = made(collate([clip], footage=footage_of([clip])), training=False)
    wanted = torch.full((2,), NOWHERE) if joint is None else rows.frame_joints[0, 0, 0, joint]
    torch.testing.assert_close(rows.moved_joint[0, 0], wanted)
    assert joint is None or (wanted > 0).all()


def test_clips_without_pictures_are_zero_and_masked():
    clips = [drawn_clip(0, 8), drawn_clip(1, 8)]
    usable = torch.tensor([True, False])
    context = ContextRows(torch.ones(8, 1, 3), torch.zeros(2).long(), torch.tensor([8, 0]))
    footage = footage_of(clips, (*PICTURES, "context"), usable=usable, context=context)
    rows = pipeline(frames=4)(collate(clips, footage=footage), training=False)
    assert rows.rgb_mask.tolist() == [True, False]
    for field in (rows.video, rows.frames, rows.context):
        assert field[0].any() and not field[1].any()
    assert (rows.moved_joint[1] == NOWHERE).all() and (rows.frame_joints[1] == NOWHERE).all()


def test_what_turns_out_unreadable_is_an_error_or_masked():
    clips = [drawn_clip(0, 8), drawn_clip(1, 8)]
    source = drawn_frames(clips)
    source.length[1] = 0
    made = pipeline(frames=4)
    with pytest.raises(MediaError, match="--missing-rgb skeleton"):
        made(collate(clips, footage=footage_of(clips, source=source)), training=False)
    lenient = footage_of(clips, source=source, strict=False)
    rows = made(collate(clips, footage=lenient), training=False)
    assert rows.rgb_mask.tolist() == [True, False] and not rows.video[1].any()


def test_context_is_read_like_poses_and_one_vector_a_clip_is_repeated():
    clips = [drawn_clip(0, 6), drawn_clip(1, 9)]
    rows_of = torch.cat([torch.arange(6.0), torch.tensor([50.0])]).view(7, 1, 1).half()
    context = ContextRows(rows_of, torch.tensor([0, 6]), torch.tensor([6, 1]))
    footage = Footage(("context",), torch.arange(2), torch.ones(2).bool(), context=context)
    rows = pipeline(frames=3, sampling="window")(collate(clips, footage=footage), training=False)
    assert rows.context.shape == (5, 3, 1, 1) and rows.context.dtype == torch.float32
    assert rows.context[:2].flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert (rows.context[2:] == 50).all()
    assert rows.video is None and rows.frames is None


def test_a_row_of_context_may_hold_for_several_frames():
    clips = [drawn_clip(0, 7), drawn_clip(1, 2)]
    rows_of = torch.tensor([0.0, 1, 2, 50]).view(4, 1, 1)
    context = ContextRows(rows_of, torch.tensor([0, 3]), torch.tensor([3, 1]), every=3)
    footage = Footage(("context",), torch.arange(2), torch.ones(2).bool(), context=context)
    rows = pipeline(frames=7, sampling="zero_pad")(collate(clips, footage=footage), training=False)
    assert rows.context[0].flatten().tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert (rows.context[1, :2] == 50).all()


def test_shuffled_clips_have_pictures_of_others():
    clips = [drawn_clip(n, 8) for n in range(3)] + [drawn_clip(3, 8)]
    usable = torch.tensor([True, True, True, False])
    footage = footage_of(clips, usable=usable).shuffled(generator())
    rows = pipeline(frames=4)(collate(clips, footage=footage), training=False)
    shown = (brightness(rows.video.transpose(1, 2))[:, 0] / 64).floor()
    assert sorted(shown[:3].int().tolist()) == [0, 1, 2]
    assert (shown[:3] != torch.arange(3)).all() and not rows.rgb_mask[3]


def test_rows_and_devices_carry_the_fields():
    clips = [drawn_clip(n, 8) for n in range(2)]
    rows = pipeline(frames=4)(collate(clips, footage=footage_of(clips)), training=False)
    taken = rows.rows(torch.tensor([1, 1, 0]))
    assert taken.video.shape[0] == 3 and torch.equal(taken.video[0], rows.video[1])
    assert torch.equal(taken.frame_joints[2], rows.frame_joints[0])
    assert rows.to("meta").moved_joint.device.type == "meta"


def test_batches_without_footage_have_none_of_it():
    rows = pipeline(frames=4)(collate([drawn_clip(0, 8)]), training=False)
    assert rows.video is None and rows.rgb_mask is None and rows.pixels is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": "middle"}, "video.crop: expected corners, centre, random, projection"),
        ({"size": 0}, "video.size: expected at least 1, found 0"),
        ({"scales": ()}, "video.scales"),
        ({"scales": (1.5,)}, "video.scales"),
        ({"position": (0.5, 2.0)}, "video.position"),
        ({"cache": -1}, "video.cache"),
        ({"missing": "skip"}, "video.missing: expected error, skeleton"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(RecipeError, match=message):
        VideoOptions(**options)
