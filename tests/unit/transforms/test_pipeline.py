import pickle

import numpy as np
import pytest
import torch

from gesta.errors import RecipeError, ShapeError
from gesta.skeleton import get_layout
from gesta.transforms import STREAMS, AugmentOptions, InputOptions, InputPipeline, collate
from gesta.transforms.spatial import body_sizes, rotation_matrix

KINECT = get_layout("kinect_v1_20")
SPINE = KINECT.index("spine")
EVERYTHING = AugmentOptions(
    crop=(0.5, 1.0), rotation=20, scale=0.1, shear=0.1, translate=0.1, jitter=0.01, mirror=0.5,
    shuffle_persons=0.5, joint_dropout=0.1, frame_dropout=0.1,
)  # fmt: skip
KINDS = [
    InputOptions(frames=8),
    InputOptions(frames=8, persons=None, centre="every_frame", view="normalised", size="body"),
    InputOptions(frames=8, sampling="uniform", views=2, centre="none", view="va_pre"),
    InputOptions(frames=8, sampling="window", centre="none", persons=1),
    InputOptions(frames=8, sampling="loop", confidence=True, size="frame", persons=4),
    InputOptions(frames=8, sampling="zero_pad", crop=0.8, centre="none", size="body"),
    InputOptions(frames=None, sampling="all", segments=2),
]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pipeline(chosen=None, augment=None, layout=KINECT, stream="joint", **options):
    chosen = chosen or InputOptions(**{"frames": None, "sampling": "all", **options})
    return InputPipeline(chosen, augment or AugmentOptions(), layout, stream)


def in_test(batch, **options):
    return pipeline(**options)(batch, training=False)


def in_training(batch, augment, seed=0, **options):
    return pipeline(augment=augment, **options)(batch, training=True, generator=generator(seed))


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("chosen", KINDS, ids=lambda kind: kind.sampling + kind.centre)
@pytest.mark.parametrize("training", [False, True])
def test_quirks_come_out_finite_and_zero_where_masked(quirks, stream, chosen, training):
    batch = collate(quirks)
    before = [t.clone() for t in (batch.poses, batch.mask, batch.confidence)]
    pipe = pipeline(chosen, EVERYTHING, stream=stream)
    rows = pipe(batch, training=training, generator=generator() if training else None)

    count, people, frames = rows.mask.shape
    assert rows.poses.shape == (count, people, frames, 20, pipe.channels(3))
    assert rows.poses.is_contiguous() and rows.poses.isfinite().all()
    assert people == (chosen.persons or 3)
    assert frames == chosen.frames or (chosen.frames is None and frames == rows.lengths.max() <= 10)
    assert not rows.poses[~rows.mask].any() and not rows.confidence[~rows.mask].any()
    assert rows.clip.unique().tolist() == list(range(8)) and len(rows.ids) == count
    for empty in ("nobody", "no frames"):
        assert not rows.mask[[name == empty for name in rows.ids]].any()
    assert rows.mask.any(dim=(1, 2)).sum() >= 6
    for now, then in zip((batch.poses, batch.mask, batch.confidence), before, strict=True):
        assert torch.equal(now, then)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("chosen", KINDS, ids=lambda kind: kind.sampling + kind.centre)
def test_a_clip_alone_gives_the_rows_it_gives_in_a_batch(quirks, chosen, stream):
    pipe = pipeline(chosen, EVERYTHING, stream=stream)
    together = pipe(collate(quirks), training=False)
    for place, clip in enumerate(quirks):
        alone = pipe(collate([clip]), training=False)
        rows = together.rows((together.clip == place).nonzero()[:, 0])
        people, frames = alone.mask.shape[1:]
        assert torch.equal(rows.mask[:, :people, :frames], alone.mask)
        assert not rows.mask[:, people:].any() and not rows.mask[:, :, frames:].any()
        assert torch.equal(rows.lengths, alone.lengths)
        torch.testing.assert_close(
            rows.poses[:, :people, :frames], alone.poses, atol=1e-5, rtol=1e-5
        )


def test_test_rows_are_the_same_at_every_call(quirks):
    pipe = pipeline(InputOptions(frames=8), EVERYTHING)
    first, again = (pipe(collate(quirks), training=False) for _ in range(2))
    assert torch.equal(first.poses, again.poses)


def test_the_same_seed_gives_the_same_numbers(quirks):
    batch, chosen = collate(quirks), InputOptions(frames=8)
    first, again, other = (
        in_training(batch, EVERYTHING, seed, chosen=chosen) for seed in (5, 5, 6)
    )
    assert torch.equal(first.poses, again.poses) and torch.equal(first.mask, again.mask)
    assert not torch.equal(first.poses, other.poses)


def test_training_leaves_the_shared_random_state_alone(quirks):
    before = torch.get_rng_state()
    in_training(collate(quirks), EVERYTHING, chosen=InputOptions(frames=8))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_first_frame_is_the_first_that_shows_somebody(quirks):
    batch = collate(quirks)
    rows = in_test(batch, persons=None)
    starts_empty = rows.poses[2]
    assert not rows.mask[2, 0, :4].any() and rows.mask[2, 0, 4]
    torch.testing.assert_close(starts_empty[0, 4, SPINE], torch.zeros(3), atol=1e-6, rtol=0)
    assert starts_empty[0, 5, SPINE].norm() > 1e-3


def test_persons_keep_their_places_beside_each_other(make_clip):
    batch = collate([make_clip(persons=2, frames=9)])
    for options in ({}, {"centre": "every_frame"}, {"view": "va_pre", "centre": "none"}):
        rows = in_test(batch, **options)
        found = rows.poses[0, 1] - rows.poses[0, 0]
        torch.testing.assert_close(found, batch.poses[0, 1] - batch.poses[0, 0], atol=1e-5, rtol=0)
    rows = in_test(batch, view="normalised", size="body")
    ratio = (rows.poses[0, 1] - rows.poses[0, 0]).norm(dim=-1)
    ratio = ratio / (batch.poses[0, 1] - batch.poses[0, 0]).norm(dim=-1)
    torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio), atol=1e-4, rtol=1e-4)


def test_centring_every_frame_follows_the_first_person_through_gaps(make_clip):
    clip = make_clip(persons=2, frames=9)
    coords = clip.coords.copy()
    coords[0, 3:6] = np.nan
    rows = in_test(collate([clip.replace(coords=coords)]), centre="every_frame")
    spine = rows.poses[0, 0, :, SPINE]
    torch.testing.assert_close(spine, torch.zeros(9, 3), atol=1e-6, rtol=0)
    # The other stands where they stood beside the filled track, without a jump.
    middle = (coords[0, 2, SPINE] * 2 + coords[0, 6, SPINE] * 2) / 4
    np.testing.assert_allclose(rows.poses[0, 1, 4], coords[1, 4] - middle, atol=1e-5)


@pytest.mark.parametrize("centre", ["first_frame", "every_frame"])
def test_the_first_person_is_one_who_is_seen(make_clip, centre):
    clip = make_clip(persons=2)
    coords = clip.coords.copy()
    coords[0] = np.nan
    rows = in_test(collate([make_clip(), clip.replace(coords=coords)]), centre=centre)
    torch.testing.assert_close(rows.poses[1, 1, 0, SPINE], torch.zeros(3), atol=1e-6, rtol=0)
    assert not rows.poses[1, 0].any()


@pytest.mark.parametrize("centre", ["first_frame", "every_frame"])
@pytest.mark.parametrize("channels", [2, 3])
def test_centring_again_changes_nothing(make_clip, centre, channels):
    batch = collate([make_clip(seed=s, channels=channels) for s in range(3)])
    once = in_test(batch, centre=centre)
    torch.testing.assert_close(in_test(once, centre=centre).poses, once.poses, atol=1e-6, rtol=0)


@pytest.mark.parametrize("centre", ["first_frame", "every_frame"])
def test_a_normalised_view_is_the_same_however_the_camera_stands(make_clip, centre):
    batch = collate([make_clip(seed=s) for s in range(4)])
    turn = rotation_matrix(torch.randn(4, 3, generator=generator()))
    away = torch.randn(4, 1, 1, 1, 3, generator=generator(1))
    moved = batch.replace(poses=torch.einsum("ncd,nmtvd->nmtvc", turn, batch.poses) + away)
    chosen = {"view": "normalised", "centre": centre, "size": "body"}
    expected, found = in_test(batch, **chosen), in_test(moved, **chosen)
    torch.testing.assert_close(found.poses, expected.poses, atol=1e-3, rtol=1e-3)


def test_va_pre_moves_the_origin_to_the_body_of_the_first_frame(make_clip):
    batch = collate([make_clip()])
    expected = batch.poses - batch.poses[:, :1, :1, SPINE, None]
    rows = in_test(batch, view="va_pre", centre="none")
    torch.testing.assert_close(rows.poses, expected)


@pytest.mark.parametrize("layout", ["coco_17", "openpose_18"])
def test_size_does_not_matter_once_normalised(make_clip, layout):
    clip = make_clip(layout=layout, channels=2)
    larger = clip.replace(coords=clip.coords * np.float32(7))
    batch = collate([clip, larger])
    for size in ("body", "frame"):
        rows = in_test(batch, layout=clip.layout, size=size)
        torch.testing.assert_close(rows.poses[0], rows.poses[1], atol=1e-4, rtol=1e-4)


def test_a_body_has_size_one_once_normalised(make_clip):
    batch = collate([make_clip(persons=1, frames=9)])
    of_clip = body_sizes(in_test(batch, size="body", persons=1).poses, KINECT)
    assert of_clip.flatten().median() == pytest.approx(1, abs=1e-5)
    of_frames = body_sizes(in_test(batch, size="frame", persons=1).poses, KINECT)
    torch.testing.assert_close(of_frames, torch.ones_like(of_frames), atol=1e-4, rtol=0)


def test_a_frame_that_looks_tiny_is_not_blown_up(make_clip):
    clip = make_clip(persons=1, frames=9)
    coords = clip.coords.copy()
    coords[0, 4] = coords[0, 4, :1]
    rows = in_test(collate([clip.replace(coords=coords)]), size="frame", centre="every_frame")
    assert rows.poses[0, 0, 4].abs().max() < 1e-5


@pytest.mark.parametrize("centre", ["none", "first_frame", "every_frame"])
def test_mirroring_twice_is_the_identity(make_clip, centre):
    batch = collate([make_clip(seed=s) for s in range(3)])
    always = AugmentOptions(mirror=1.0)
    plain = in_test(batch, centre=centre)
    once = in_training(batch, always, centre=centre)
    assert not torch.allclose(once.poses, plain.poses, atol=1e-2)
    twice = in_training(once, always, centre=centre)
    torch.testing.assert_close(twice.poses, plain.poses, atol=1e-5, rtol=0)


def test_a_mirrored_left_hand_is_the_right_one(make_clip):
    clip = make_clip(persons=1)
    confidence = np.random.default_rng(0).random(clip.coords.shape[:3], dtype=np.float32)
    batch = collate([clip.replace(confidence=confidence)])
    left, right = KINECT.index("left_hand"), KINECT.index("right_hand")
    flipped = torch.tensor([-1.0, 1, 1])

    plain, mirrored = in_test(batch), in_training(batch, AugmentOptions(mirror=1.0))
    expected = plain.poses[..., right, :] * flipped
    torch.testing.assert_close(mirrored.poses[..., left, :], expected)
    assert torch.equal(mirrored.confidence[..., left], plain.confidence[..., right])

    # Not centred, the clip's mean stays where it is.
    for size in ("none", "body"):
        plain = in_test(batch, centre="none", size=size).poses
        mirrored = in_training(batch, AugmentOptions(mirror=1.0), centre="none", size=size).poses
        torch.testing.assert_close(mirrored.mean(dim=(2, 3)), plain.mean(dim=(2, 3)))


def test_random_rotation_keeps_distances_and_the_place(make_clip):
    batch = collate([make_clip(seed=s) for s in range(3)])
    for centre in ("none", "first_frame"):
        plain = in_test(batch, centre=centre).poses
        turned = in_training(batch, AugmentOptions(rotation=40), centre=centre).poses
        torch.testing.assert_close(
            turned.diff(dim=3).norm(dim=-1), plain.diff(dim=3).norm(dim=-1), atol=1e-4, rtol=1e-4
        )
        # Two persons two units from the camera are not flung around it.
        assert (turned - plain).norm(dim=-1).max() < 6


def test_translation_and_jitter_are_in_body_sizes(make_clip):
    clip = make_clip(frames=40)
    huge = clip.replace(coords=clip.coords * np.float32(100))
    batch = collate([clip, huge])
    plain = in_test(batch).poses
    for augment in (AugmentOptions(translate=0.5), AugmentOptions(jitter=0.1)):
        change = (in_training(batch, augment).poses - plain).square().mean(dim=(1, 2, 3, 4)).sqrt()
        size = body_sizes(batch.poses[0], KINECT).median()
        assert 0.02 * size < change[0] < 0.6 * size
        assert change[1] > 10 * change[0]


def test_segments_of_a_clip_share_their_deformation(make_clip):
    clip = make_clip(persons=1, frames=1)
    still = clip.replace(coords=clip.coords.repeat(12, axis=1))
    chosen = InputOptions(frames=4, segments=3)
    rows = in_training(collate([still]), AugmentOptions(rotation=40, mirror=0.5), chosen=chosen)
    torch.testing.assert_close(rows.poses[1:], rows.poses[:1].expand(2, -1, -1, -1, -1))


def test_shuffled_persons_change_places_whole(make_clip):
    batch = collate([make_clip(seed=s, persons=2, frames=4) for s in range(40)])
    kept = InputOptions(frames=4, centre="none")
    rows = in_training(batch, AugmentOptions(shuffle_persons=0.6), chosen=kept)
    plain = in_test(batch, chosen=kept)
    swapped = (rows.poses != plain.poses).flatten(1).any(dim=1)
    assert 0.1 < swapped.float().mean() < 0.6, "half of the shuffles keep the order"
    order = torch.where(swapped[:, None], torch.tensor([1, 0]), torch.tensor([0, 1]))
    torch.testing.assert_close(rows.poses, plain.poses[torch.arange(40)[:, None], order])
    centred = in_training(batch, AugmentOptions(shuffle_persons=1.0), chosen=InputOptions(frames=4))
    assert centred.poses[:, 0, 0, SPINE].abs().max() < 1e-6, "who comes first is the centre"


def test_the_middle_of_a_scene_does_not_depend_on_who_comes_first(make_clip):
    clip = make_clip(persons=2, frames=4)
    swapped = clip.replace(coords=clip.coords[::-1].copy())
    one, other = (in_test(collate([c]), centre="scene").poses for c in (clip, swapped))
    torch.testing.assert_close(one, other.flip(1))
    torch.testing.assert_close(one[0, 0, 0, SPINE], -one[0, 1, 0, SPINE])
    alone = collate([make_clip(persons=1, frames=4)])
    torch.testing.assert_close(
        in_test(alone, centre="scene").poses, in_test(alone, centre="first_frame").poses
    )


def test_dropped_joints_are_zero_and_have_no_confidence(make_clip):
    batch = collate([make_clip(seed=s) for s in range(20)])
    rows = in_training(batch, AugmentOptions(joint_dropout=0.3))
    gone = rows.confidence == 0
    assert gone.float().mean() == pytest.approx(0.3, abs=0.05)
    assert not rows.poses[gone].any() and torch.equal(gone[:, :, 0], gone[:, :, 5])


def test_dropped_frames_are_masked_and_do_not_move(make_clip):
    batch = collate([make_clip(seed=s, frames=30) for s in range(10)])
    rows = in_training(batch, AugmentOptions(frame_dropout=0.3), stream="joint_motion")
    assert rows.mask.float().mean() == pytest.approx(0.7, abs=0.1)
    before_a_gap = rows.mask[:, :, :-1] & ~rows.mask[:, :, 1:]
    assert before_a_gap.any() and not rows.poses[:, :, :-1][before_a_gap].any()
    assert rows.poses[:, :, :-1][rows.mask[:, :, :-1] & rows.mask[:, :, 1:]].any(dim=(1, 2)).all()


def test_streams_follow_each_other(make_clip):
    batch = collate([make_clip(persons=2, frames=9)])
    joint, bone, joint_motion, bone_motion = (
        in_test(batch, stream=stream).poses for stream in STREAMS
    )
    parents = list(KINECT.parents)
    torch.testing.assert_close(bone, joint - joint[..., parents, :])
    torch.testing.assert_close(joint_motion[:, :, :-1], joint.diff(dim=2))
    torch.testing.assert_close(bone_motion[:, :, :-1], bone.diff(dim=2))
    assert not joint_motion[:, :, -1].any()


def test_confidence_is_the_last_channel(make_clip):
    clip = make_clip(persons=1)
    coords = clip.coords.copy()
    coords[0, 2, 5] = np.nan
    pipe = pipeline(confidence=True)
    assert pipe.channels(3) == 4 and pipe.channels(2) == 3
    rows = pipe(collate([clip.replace(coords=coords)]), training=False)
    assert rows.poses[0, 0, 2, 5, 3] == 0 and rows.poses[0, 0, 2, 4, 3] == 1
    whole = pipe(collate([clip]), training=False)
    assert whole.poses[0, 0, ..., 3].min() == 1 and not whole.poses[0, 1].any()
    assert in_test(collate([clip])).confidence is None


def test_a_pipeline_can_be_sent_to_another_process(quirks):
    pipe = pipeline(InputOptions(frames=8), EVERYTHING, stream="bone")
    again = pickle.loads(pickle.dumps(pipe))
    assert again == pipe
    batch = collate(quirks)
    assert torch.equal(again(batch, training=False).poses, pipe(batch, training=False).poses)


def test_what_cannot_be_is_refused(make_clip):
    with pytest.raises(RecipeError, match="stream: expected joint, bone"):
        pipeline(stream="bones")
    flat = make_clip(channels=2)
    with pytest.raises(RecipeError, match="expected 3 channels"):
        in_test(collate([flat]), view="normalised")
    with pytest.raises(RecipeError, match="generator"):
        pipeline()(collate([flat]), training=True)
    with pytest.raises(ShapeError, match="V=20"):
        in_test(collate([make_clip(layout="coco_17")]))
