"""Features of a frozen network of images, once a frame."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gesta.archive import open_archive, write_archive
from gesta.archive.videos import videos_provenance
from gesta.cli import main
from gesta.clip import Clip, VideoReference
from gesta.errors import MediaError, ModelError, RecipeError
from gesta.inference.context import compute_context
from gesta.media import VideoWriter, open_video
from gesta.models import create_image_network
from gesta.skeleton import get_layout
from gesta.transforms.image import normalise

SIZE = 64  # two by two places of a network with a stride of 32


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "lite0.safetensors"
    save_file(create_image_network("efficientnet_lite0", 1000).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """Three clips, the second of which has no video any more; the third is of 40 frames."""
    home = tmp_path_factory.mktemp("filmed")
    rng = np.random.default_rng(0)
    (home / "videos").mkdir()
    clips = []
    for number, frames in enumerate((3, 2, 40)):
        name = f"clip{number}"
        with VideoWriter(home / "videos" / f"{name}.mp4", (96, SIZE), 10) as writer:
            for _ in range(frames):
                small = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
                writer.write(small.repeat(16, axis=0).repeat(16, axis=1))
        coords = rng.uniform(30, 60, (1, frames, 17, 2)).astype(np.float32)
        clips.append(
            Clip(
                coords, get_layout("coco_17"), ("x", "y"), "pixels", id=name, label=0,
                frame_size=(96, SIZE), video=VideoReference(f"{name}.mp4", np.arange(frames) / 10),
            )
        )  # fmt: skip
    (home / "videos" / "clip1.mp4").unlink()
    about = {"videos": videos_provenance(home / "archive", home / "videos")}
    write_archive(home / "archive", clips, ("a",), dataset="filmed", provenance=about)
    return home / "archive"


def test_context_is_what_the_network_sees(filmed, weights, tmp_path):
    seen = []
    context, problems = compute_context(
        open_archive(filmed), tmp_path / "c", "efficientnet_lite0", weights, grid=2, size=SIZE,
        workers=0, device="cpu", progress=lambda *done: seen.append(done),
    )  # fmt: skip
    assert context.ids == ("clip0", "clip2") and list(problems) == ["clip1"]
    assert context.rows.shape == (43, 4, 1280) and context.grid == (2, 2)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with open_video(filmed.parent / "videos" / "clip2.mp4") as video:
        images = video.read(range(40), box=(16, 0, 80, SIZE))
    network = create_image_network("efficientnet_lite0")
    network.load_state_dict(
        {n: v for n, v in torch_weights(weights).items() if n in network.state_dict()}
    )
    pictures = normalise(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    with torch.no_grad():
        maps = network.eval()(pictures)
    expected = maps.flatten(2).transpose(1, 2).numpy()
    np.testing.assert_allclose(context.of("clip2"), expected, atol=2e-3, rtol=2e-3)


def torch_weights(path):
    from safetensors.torch import load_file

    return load_file(path)


def test_the_command_writes_it_and_says_what_was_left_out(filmed, weights, tmp_path, capsys):
    out = tmp_path / "c"
    arguments = [str(filmed), "--weights", str(weights), "--out", str(out), "--size", "32"]
    arguments += ["--device", "cpu", "--workers", "0", "--view", "projection", "--json"]
    assert main(["context", *arguments]) == 0
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (document["clips"], document["rows"], document["k"], document["m"]) == (2, 43, 1, 1280)
    assert list(document["left_out"]) == ["clip1"] and "clip1" in told.err
    assert main(["context", *arguments, "--strict"]) == 1
    assert "clip1" in capsys.readouterr().err


def test_bad_requests_are_refused(filmed, weights, tmp_path):
    archive = open_archive(filmed)
    with pytest.raises(RecipeError, match="at least 1"):
        compute_context(archive, tmp_path / "c", "xception", weights, grid=0)
    with pytest.raises(ModelError, match="does not fit"):
        compute_context(archive, tmp_path / "c", "xception", weights)
    clips = [clip.replace(video=None) for clip in archive.clips]
    bare = write_archive(tmp_path / "bare", clips, ("a",))
    with pytest.raises(MediaError, match="no clip has a usable video: refers to no video"):
        compute_context(bare, tmp_path / "c", "efficientnet_lite0", weights, workers=0)
