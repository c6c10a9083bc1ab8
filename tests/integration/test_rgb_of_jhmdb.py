"""Pictures of real clips: decoded, from a cache, and as the video room reads them."""

import numpy as np
import pytest
import torch

from gesta.archive import open_archive, write_archive
from gesta.archive.videos import videos_provenance
from gesta.clip import VideoReference
from gesta.datasets.demo import write_demo_archive
from gesta.media import open_video
from gesta.skeleton import get_layout
from gesta.transforms import (
    NOWHERE,
    AugmentOptions,
    InputOptions,
    InputPipeline,
    StoredFrames,
    VideoOptions,
    collate,
    footage_of,
)
from gesta.transforms.image import normalise
from gesta.transforms.reels import build_cache

INPUTS = ("video", "frames", "frame_joints", "moved_joint", "rgb_mask")


@pytest.fixture(scope="module")
def archive(test_data, tmp_path_factory):
    """Three clips of J-HMDB as they were estimated, with their videos."""
    folder, path = test_data / "jhmdb" / "videos", tmp_path_factory.mktemp("jhmdb") / "archive"
    clips = []
    demo = write_demo_archive(path.with_name("demo"))
    for clip in demo.clips[::400]:
        with open_video(folder / f"{clip.id}.mp4") as video:
            assert len(video.times) == clip.frames
            clips.append(clip.replace(video=VideoReference(f"{clip.id}.mp4", video.times)))
    about = {"videos": videos_provenance(path, folder)}
    write_archive(path, clips, demo.classes, dataset="jhmdb", provenance=about)
    return open_archive(path)


def test_decoded_and_cached_pictures_are_those_of_the_video(archive, tmp_path):
    options = VideoOptions(size=112, crop="centre", workers=0, cache=240)
    clips = list(archive.clips)
    cache = build_cache(tmp_path / "cache", clips, options, archive.video_path)
    made = InputPipeline(
        InputOptions(frames=16, sampling="window", persons=1),
        AugmentOptions(),
        get_layout("coco_17"),
        video=options,
    )
    rows = []
    for stored in (None, StoredFrames.of(cache)):
        footage = footage_of(clips, INPUTS, options, find=archive.video_path, stored=stored)
        rows.append(made(collate(clips, footage=footage), training=False))
    decoded, cached = rows
    assert decoded.rgb_mask.all() and cached.rgb_mask.all()
    assert len(decoded) == sum(-(-clip.frames // 16) for clip in clips)
    # Two ways of scaling the same frames.
    assert (decoded.video - cached.video).abs().mean() < 0.1
    torch.testing.assert_close(decoded.frame_joints, cached.frame_joints)
    with open_video(archive.video_path(clips[0])) as video:
        images = video.read(range(16, 32), box=(40, 0, 280, 240), size=(112, 112))
    expected = normalise(torch.from_numpy(images).permute(3, 0, 1, 2)[None].float() / 255)[0]
    torch.testing.assert_close(decoded.video[1], expected)


def test_a_projection_crop_holds_the_person(archive):
    options = VideoOptions(size=128, crop="projection", workers=0)
    clips = list(archive.clips)
    footage = footage_of(clips, INPUTS, options, find=archive.video_path)
    made = InputPipeline(
        InputOptions(frames=32, sampling="loop", persons=1),
        AugmentOptions(mirror=0.5),
        get_layout("coco_17"),
        video=options,
    )
    batch = collate(clips, footage=footage)
    for seed in range(3):
        rows = made(batch, training=True, generator=torch.Generator().manual_seed(seed))
        there = rows.frame_joints[..., 0] > NOWHERE / 2
        for row, clip in enumerate(clips):
            chosen = int(rows.frame_index[row, 0]) % clip.frames
            inside = (clip.coords[0, chosen] >= 0) & (clip.coords[0, chosen] < (320, 240))
            assert int(there[row, 0, 0].sum()) >= 0.9 * int(np.nan_to_num(inside).all(-1).sum())
        moved = rows.moved_joint[:, 0]
        assert ((moved[:, 0] >= 0) | (moved[:, 0] == NOWHERE)).all() and (moved >= 0).any()
