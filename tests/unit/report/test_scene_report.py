"""What models look at in the RGB, as pictures, videos, arrays and in reports, on drawn videos."""

import io
import json
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image as Pictures

from gesta.archive import Protocol, open_archive, write_archive
from gesta.archive.videos import videos_provenance
from gesta.cli import main
from gesta.clip import Clip, VideoReference
from gesta.evaluation import Scores
from gesta.explain import Look
from gesta.media import VideoWriter, open_video
from gesta.report import write_report
from gesta.report.choice import class_examples
from gesta.report.scene_drawing import Bodies, Range, SceneDrawer, look_panels, sheet
from gesta.report.scene_section import shuffled_control
from gesta.report.shown import open_explainer, read_clips
from gesta.skeleton import get_layout
from gesta.training import Run, find_recipe, train

LAYOUT = get_layout("coco_17")
HAND = LAYOUT.index("left_wrist")
SIZE = (64, 48)
CLASSES = ("left", "right")
SMALL = {
    "cross_attention": {
        "model": {"width": 8, "temporal_kernel": 3, "context_width": 4, "video_size": 16},
        "input": {"frames": 4, "sampling": "window", "persons": 1},
        "video": {"size": 16, "workers": 0},
        "loop": {"epochs": 1, "batch": 6, "device": "cpu"},
    },
    "mmff": {
        "model": {
            "skeleton_options": ["width=8", "temporal_kernel=3"],
            "image": "efficientnet_lite0",
            "image_width": 0.1,
            "image_size": 32,
            "width": 8,
        },
        "input": {"frames": 4, "sampling": "resize", "persons": 1},
        "video": {"size": 32, "crop": "projection", "workers": 0},
        "loop": {"epochs": 1, "batch": 6, "device": "cpu", "stages": [0, 0]},
    },
}


def clip_of(index):
    frames = 6 + index % 3
    coords = np.random.default_rng(index).uniform(10, 40, size=(1, frames, 17, 2))
    return Clip(
        coords.astype(np.float32),
        LAYOUT,
        ("x", "y"),
        "pixels",
        frame_rate=10.0,
        frame_size=SIZE,
        video=VideoReference(f"c{index:02d}.mp4", np.arange(frames) / 10),
        id=f"c{index:02d}",
        label=index % 2,
        camera=index // 8,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An archive whose videos lie beside it, and a run of each model that looks at RGB."""
    place = tmp_path_factory.mktemp("scene")
    clips = [clip_of(index) for index in range(14)]
    (place / "videos").mkdir()
    for clip in clips:
        with VideoWriter(place / "videos" / clip.video.path, SIZE, 10) as writer:
            for _ in range(clip.frames):
                writer.write(np.full((SIZE[1], SIZE[0], 3), 60 + 90 * clip.label, np.uint8))
    about = {"videos": videos_provenance(place / "data", place / "videos")}
    protocol = Protocol("cross_view", column="camera", train=("0",))
    write_archive(
        place / "data", clips, CLASSES, dataset="tiny", protocols=[protocol], provenance=about
    )
    for name, own in SMALL.items():
        common = {"data": str(place / "data"), "protocol": "cross_view", "schedule": {"warmup": 0}}
        train(find_recipe(name, None, common | own), place / name)
    return place


def test_explain_writes_pictures_a_video_and_arrays_of_cross_attention(folder, tmp_path, capsys):
    command = ["explain", str(folder / "cross_attention"), "c08", "--out", str(tmp_path)]
    assert main([*command, "--device", "cpu", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    names = [f"c08-scene.{kind}" for kind in ("npz", "png", "mp4")]
    assert [path.rpartition("/")[2] for path in found["files"] if "scene" in path] == names
    with np.load(tmp_path / names[0]) as stored:
        arrays = dict(stored)
    assert arrays["windows"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert arrays["boxes"].tolist() == [[8, 0, 56, 48]] * 2
    assert arrays["weights"].shape == (1, 8, 17) and arrays["log_probs"].shape == (2, 2)
    np.testing.assert_allclose(arrays["joints"], clip_of(8).coords, atol=1e-4)
    with open_video(tmp_path / names[2]) as video:
        assert len(video.times) == 8 and video.size == (480, 360)
        assert video.frame_rate == pytest.approx(10, abs=0.1)
        assert all(np.ptp(image) > 50 for image in video.read(range(8)))
    with Pictures.open(tmp_path / names[1]) as picture:
        assert picture.size[0] > 4 * 480  # four side by side


def test_explain_rests_on_the_frame_that_is_looked_at(folder, tmp_path):
    command = ["explain", str(folder / "mmff"), "c09", "--out", str(tmp_path), "--device", "cpu"]
    assert main(command) == 0
    with np.load(tmp_path / "c09-scene.npz") as stored:
        arrays = dict(stored)
    maps = [f"self-attention {i}" for i in (1, 2)] + ["skeleton attention", "relation received"]
    assert all(arrays[f"look.0.{name}"].shape == (1, 1) for name in maps)
    assert arrays["look.0.joints"].shape == (17,) and arrays["look.0.box"].shape == (4,)
    assert arrays["look.0.frame"] in (2, 3)
    with open_video(tmp_path / "c09-scene.mp4") as video:
        assert len(video.times) == clip_of(9).frames + 10 * len(maps)


def test_a_clip_without_its_video(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "gesta.archive.Archive.video_path", lambda *_: folder / "videos" / "gone.mp4"
    )
    command = ["explain", str(folder / "cross_attention"), "c08", "--out", str(tmp_path)]
    assert main([*command, "--device", "cpu"]) == 1
    assert "gone.mp4: no such video" in capsys.readouterr().err
    assert main([*command, "--device", "cpu", "--missing-rgb", "skeleton"]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert "c08.svg" in names and not any("scene" in name for name in names)


@pytest.mark.parametrize("name", ["cross_attention", pytest.param("mmff", marks=pytest.mark.slow)])
def test_a_report_shows_each_class_and_gives_clips_the_rgb_of_another(folder, read_page, name):
    path = write_report(folder / name, explained_clips=2, device="cpu")
    page = read_page(path)
    assert "#scene" in page.addresses
    assert "Is the RGB used? 6 test clips" in page.text
    assert "given the RGB of another of them" in page.text
    by = "cross-attention" if name == "cross_attention" else "relation received"
    assert f"Joints are ranked by {by}." in page.text
    pictures = [one for one in page.addresses if one.startswith("data:image/jpeg")]
    scores = Run.open(folder / name).scores
    assert len(pictures) == len(class_examples(scores)) >= 2
    for one in pictures:
        with Pictures.open(io.BytesIO(b64decode(one.partition(",")[2]))) as picture:
            assert picture.format == "JPEG" and picture.size[0] > 600
    outside = [a for a in page.addresses if not re.match(r"#|data:image/(png|jpeg);base64,", a)]
    assert not outside


def test_a_report_without_videos_says_so(folder, tmp_path, read_page, monkeypatch):
    monkeypatch.setattr("gesta.archive.Archive.video_path", lambda *_: tmp_path / "gone.mp4")
    out = tmp_path / "report.html"
    page = read_page(write_report(folder / "mmff", out=out, explained_clips=2, device="cpu"))
    assert "What mattered is not shown: " in page.text and "have no usable RGB" in page.text
    assert "#scene" not in page.addresses


def test_the_control_tells_a_model_that_sees_from_one_that_does_not(folder):
    run, archive = Run.open(folder / "cross_attention"), open_archive(folder / "data")
    explainer = open_explainer(run, "cpu", archive)
    clips = read_clips(archive, [f"c{index:02d}" for index in range(14)])
    labels = np.array([clip.label for clip in clips])

    class Sees(type(explainer.model)):
        def forward(self, poses, mask=None, *, video, rgb_mask):
            light = video.mean((1, 2, 3, 4))[:, None]
            return light * video.new_tensor([[-9.0, 9.0]])

    explainer.model.__class__ = Sees
    own = np.where(labels[:, None] == np.arange(2), np.log(0.9), np.log(0.1)).astype(np.float32)
    scores = Scores(tuple(clip.id for clip in clips), labels, own, CLASSES)
    found = shuffled_control(explainer, scores, clips)
    assert found["own"] == 100 and found["clips"] == 14 and found["what"] == "RGB"
    assert found["other"] < 90
    assert found["difference"].value == pytest.approx(found["other"] - 100)
    assert shuffled_control(explainer, scores, clips[:1]) is None


def test_circles_are_on_the_joints_and_grow_with_the_weight():
    drawer = SceneDrawer((64, 48), LAYOUT, short=480)
    assert drawer.size == (640, 480) and drawer.scale == 10
    grey = np.full((480, 640, 3), 128, np.uint8)
    joints = np.full((1, 17, 2), np.nan, np.float32)
    joints[0, HAND], joints[0, 0] = (20, 30), (50, 30)
    weights = np.zeros((1, 17), np.float32)
    weights[0, HAND] = 0.5
    drawn = drawer.bodies(grey, Bodies(joints, weights), Range(0, 0.5), None)
    changed = (drawn != 128).any(axis=2)
    rows, columns = np.nonzero(changed[240:360, 140:260])
    assert abs(rows.mean() - 60) < 2 and abs(columns.mean() - 60) < 2
    large, small = changed[280:320, 180:220].sum(), changed[280:320, 480:520].sum()
    assert large > 4 * small > 0
    untouched = drawer.bodies(grey, Bodies(joints[:0]), None, None)
    np.testing.assert_array_equal(untouched, grey)


def test_heat_lies_in_the_box_and_is_lightest_where_the_weight_is():
    drawer = SceneDrawer((64, 48), LAYOUT, short=480)
    black = np.zeros((480, 640, 3), np.uint8)
    weights = np.zeros((4, 4), np.float32)
    weights[3, 0] = 1
    drawn = drawer.heat(black, (16, 8, 48, 40), weights, Range(0, 1)).sum(axis=2)
    assert not drawn[:80].any() and not drawn[400:].any() and not drawn[:, :160].any()
    inside = drawn[90:390, 170:470]
    y, x = np.unravel_index(inside.argmax(), inside.shape)
    assert y > 200 and x < 100
    assert inside[-20, 20] > 3 * inside[20, -20]


def test_weights_that_hardly_differ_do_not_look_different():
    scale = Range.of(np.array([0.50, 0.52, np.nan]))
    np.testing.assert_allclose(scale.share(np.array([0.50, 0.52])), [0, 0.2], atol=1e-6)
    assert scale.text == "0.50 to 0.60"
    assert Range.of(np.array([np.nan])).share(np.array([0.5])) == 0.5


def test_a_look_has_a_panel_for_each_map_and_all_stand_on_a_sheet():
    drawer = SceneDrawer((64, 48), LAYOUT, short=120)
    image = np.full((120, 160, 3), 90, np.uint8)
    maps = {"self-attention 1": np.eye(3, dtype=np.float32),
            "relation received": np.ones((3, 3), np.float32)}  # fmt: skip
    joints = np.random.default_rng(0).uniform(5, 40, (2, 17, 2)).astype(np.float32)
    look = Look(7, 0, (0.0, 0.0, 64.0, 48.0), maps, np.linspace(0.5, 2, 17).astype(np.float32))
    panels = look_panels(drawer, image, Bodies(joints), look)
    assert [title for _, title in panels] == [
        "frame 7 and the crop",
        "self-attention 1, 0.00 to 1.00",
        "relation received, 1.00 to 1.50; joints 0.50 to 2.00",
    ]
    page = sheet(panels, 2, "a note " * 40)
    assert page.shape[1] == 2 * 160 + 3 * 8 and page.shape[0] > 2 * 120


def test_each_class_is_shown_by_a_recognised_clip_and_another():
    rows = np.log([[0.7, 0.3], [0.8, 0.2], [0.4, 0.6], [0.9, 0.1]]).astype(np.float32)
    scores = Scores(("a", "b", "c", "d"), np.array([0, 0, 0, 1]), rows, CLASSES)
    assert class_examples(scores) == [0, 2, 3]
