"""Features of a frozen network of images, once a frame."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gesta.archive import open_archive, write_archive, write_context
from gesta.archive.videos import videos_provenance
from gesta.cli import main
from gesta.clip import Clip, VideoReference
from gesta.errors import MediaError, ModelError, RecipeError, ShapeError
from gesta.inference.context import compute_context
from gesta.media import VideoWriter, open_video
from gesta.models import create_image_network
from gesta.skeleton import get_layout
from gesta.transforms import VideoOptions, footage_of
from gesta.transforms.image import normalise

SIZE = 64  # two by two places of a network with a stride of 32


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "lite0.safetensors"
    network = create_image_network("efficientnet_lite0", 1000)
    for name, values in network.named_parameters():
        if values.ndim == 1 and name.endswith("weight"):  # without, all features would be zero
            nn.init.uniform_(values, 1, 3)
        elif values.ndim == 1:
            nn.init.normal_(values)
    save_file(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """Four clips: the second has no video any more, the third is long, the last shows nobody."""
    home = tmp_path_factory.mktemp("filmed")
    rng = np.random.default_rng(0)
    (home / "videos").mkdir()
    clips = []
    for number, frames in enumerate((3, 2, 40, 2)):
        name = f"clip{number}"
        with VideoWriter(home / "videos" / f"{name}.mp4", (96, SIZE), 10) as writer:
            for _ in range(frames):
                small = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
                writer.write(small.repeat(16, axis=0).repeat(16, axis=1))
        persons = 0 if number == 3 else 1
        coords = rng.uniform(30, 60, (persons, frames, 17, 2)).astype(np.float32)
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
    assert context.ids == ("clip0", "clip2", "clip3") and list(problems) == ["clip1"]
    assert context.rows.shape == (45, 4, 1280) and context.grid == (2, 2)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
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
    assert expected.std(axis=0).mean() > 0.01
    np.testing.assert_allclose(context.of("clip2"), expected, atol=2e-3, rtol=2e-3)


def test_the_middle_one_of_some_frames_stands_for_them(filmed, weights, tmp_path):
    archive = open_archive(filmed)
    asked = {"size": SIZE, "workers": 0, "device": "cpu"}
    whole, _ = compute_context(archive, tmp_path / "a", "efficientnet_lite0", weights, **asked)
    few, _ = compute_context(
        archive, tmp_path / "b", "efficientnet_lite0", weights, every=7, **asked
    )
    assert few.every == 7 and len(few.of("clip2")) == few.rows_of(40) == 6
    seen = whole.of("clip2")[[3, 10, 17, 24, 31, 38]]
    np.testing.assert_allclose(few.of("clip2"), seen, atol=2e-3, rtol=2e-3)
    # Of a clip that is shorter than that, the last one.
    np.testing.assert_allclose(few.of("clip0"), whole.of("clip0")[[2]], atol=2e-3, rtol=2e-3)
    footage = footage_of([archive.read(2)], ("context",), VideoOptions(), context=few)
    read = footage.context.read(torch.tensor([0]), torch.tensor([[0, 6, 7, 39]]), None)
    np.testing.assert_array_equal(read[0].numpy(), few.of("clip2")[[0, 0, 1, 5]])
    with pytest.raises(ShapeError, match="expected 6 rows, one for every 7 frames, or one for all"):
        context = write_context(tmp_path / "c", [("clip2", whole.of("clip2"))], few.about)
        footage_of([archive.read(2)], ("context",), VideoOptions(), context=context)


def test_bfloat16_sees_nearly_the_same(filmed, weights, tmp_path):
    archive = open_archive(filmed)
    asked = {"size": SIZE, "every": 20, "workers": 0, "device": "cpu"}
    found = [
        compute_context(
            archive, tmp_path / str(bf16), "efficientnet_lite0", weights, bf16=bf16, **asked
        )[0]
        for bf16 in (False, True)
    ]
    assert found[1].about["precision"] == "bf16" and "precision" not in found[0].about
    plain, short = (one.rows.astype(np.float64) for one in found)
    assert not np.array_equal(plain, short)
    assert np.linalg.norm(plain - short) < 0.05 * np.linalg.norm(plain)


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
    assert (document["clips"], document["rows"], document["k"], document["m"]) == (3, 45, 1, 1280)
    assert list(document["left_out"]) == ["clip1"] and "clip1" in told.err
    assert main(["context", *arguments, "--strict"]) == 1
    assert "clip1" in capsys.readouterr().err


def test_bad_requests_are_refused(filmed, weights, tmp_path):
    archive = open_archive(filmed)
    with pytest.raises(RecipeError, match="at least 1"):
        compute_context(archive, tmp_path / "c", "xception", weights, grid=0)
    with pytest.raises(RecipeError, match="at least 1"):
        compute_context(archive, tmp_path / "c", "xception", weights, every=0)
    with pytest.raises(ModelError, match="does not fit"):
        compute_context(archive, tmp_path / "c", "xception", weights)
    clips = [clip.replace(video=None) for clip in archive.clips]
    bare = write_archive(tmp_path / "bare", clips, ("a",))
    with pytest.raises(MediaError, match="no clip has a usable video: refers to no video"):
        compute_context(bare, tmp_path / "c", "efficientnet_lite0", weights, workers=0)
