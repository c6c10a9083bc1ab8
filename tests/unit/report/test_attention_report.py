"""Attention in reports and in `gesta explain`, of real, tiny runs."""

import json

import numpy as np
import pytest

from gesta.archive import Protocol, write_archive
from gesta.cli import main
from gesta.clip import Clip
from gesta.report import write_report
from gesta.skeleton import get_layout
from gesta.training import find_recipe, train

CLASSES = ["wave", "kick", "rest"]
LAYOUT = get_layout("sbu_15")
SMALL = {
    "san_v3": {"width": 32, "layers": 2, "heads": 2, "segments": 2, "merge": "late"},
    "csta_cnn": {"width": 8, "joints": 8, "hidden": [8]},
}


def clips():
    made = []
    for number in range(24):
        shape = (1 + number % 2, 6 + number % 3, 15, 3)
        coords = np.random.default_rng(number).normal(size=shape).astype(np.float32)
        made.append(
            Clip(coords, LAYOUT, id=f"c{number:02d}", label=number % 3, camera=number // 12)
        )
    # A clip that shows nobody has a report like any other.
    made[20] = made[20].replace(coords=np.zeros((0, 5, 15, 3), np.float32))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An archive, and a run of each model that has attention."""
    place = tmp_path_factory.mktemp("attention")
    protocol = Protocol("cross_view", column="camera", train=("0",))
    write_archive(place / "data", clips(), CLASSES, dataset="tiny", protocols=[protocol])
    for name, options in SMALL.items():
        own = {
            "model": options,
            "data": str(place / "data"),
            "protocol": "cross_view",
            "input": {"frames": 16, "persons": 2},
            "loop": {"epochs": 1, "batch": 6, "device": "cpu"},
            "schedule": {"warmup": 0},
        }
        train(find_recipe(name, None, own), place / name)
    return place


@pytest.mark.parametrize("name", SMALL)
def test_a_report_shows_attention_and_measures_it(folder, read_page, name):
    path = write_report(folder / name, explained_clips=3, device="cpu")
    page = read_page(path)
    assert "attention" in {attrs.get("id") for _, attrs in page.tags}
    assert "#attention" in page.addresses
    assert all(one.startswith(("#", "data:image/png;base64,")) for one in page.addresses)
    assert "Top-1 on 3 test clips" in page.text and "most attended" in page.text
    if name == "san_v3":
        for word in ("position block", "motion block", "segment 2 of 2", "attention received"):
            assert word in page.text
        assert page.text.count("frames by attention received, held at their mean") == 3
    else:
        assert "position: weights of joints and frames" in page.text
        for unit in ("joints", "frames"):
            assert page.text.count(f"{unit} by absolute weight, put at the body's origin") == 3


@pytest.mark.parametrize("name", SMALL)
def test_explain_writes_attention_as_picture_page_and_arrays(
    folder, tmp_path, capsys, read_svg, read_page, name
):
    command = ["explain", str(folder / name), "c13", "--out", str(tmp_path), "--device", "cpu"]
    # In CSTA no frame attends to others, so that there is none to follow.
    query = ["--query", "3"] if name == "san_v3" else []
    assert main([*command, *query, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    names = {f"c13-attention.{kind}" for kind in ("npz", "svg", "html")} | {"c13.svg", "c13.npz"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert len(found["files"]) == 5
    assert read_svg(
        (tmp_path / "c13-attention.svg").read_text("utf-8"),
        "image" if name == "san_v3" else "circle",
    )
    page = read_page(tmp_path / "c13-attention.html")
    with np.load(tmp_path / "c13-attention.npz") as stored:
        arrays = dict(stored)
    assert arrays["frames"].shape == (1, 16)
    if name == "san_v3":
        path = "trunk.motion_block.layers.1.attention.weights"
        assert arrays[path].shape == (4, 2, 8, 8)  # two segments of two persons
        assert arrays[f"{path}.axes"].tolist() == ["rows", "heads", "query", "key"]
        assert (
            "segment 1 of 2, last layer: what frame 3 (asked for) attends to" in page.text
            and "person 2" in page.text
        )
    else:
        assert arrays["position.attention.joint_weights"].shape == (2, 15)
        assert "motion: weights of joints and frames" in page.text


def test_a_clip_that_shows_nobody_has_arrays_and_no_picture(folder, tmp_path, capsys):
    command = ["explain", str(folder / "san_v3"), "c20", "--out", str(tmp_path), "--device", "cpu"]
    assert main([*command, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [path.rpartition("-")[2] for path in found["files"]][-1] == "attention.npz"
    assert not (tmp_path / "c20-attention.svg").exists()
