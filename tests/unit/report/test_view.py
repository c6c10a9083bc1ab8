"""Pages that animate clips."""

import base64
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from gesta.archive import write_archive
from gesta.errors import ArchiveError, ShapeError
from gesta.report import view
from gesta.report.payload import MISSING, clip_payload
from gesta.skeleton import get_layout

NASTY = '</script><b>&"\u2028'


def document(path):
    text = path.read_text("utf-8")
    found = re.search(r'id="document">(.*?)</script>', text, re.S)
    return json.loads(found[1])


def decoded(payload, layout, channels):
    words = np.frombuffer(base64.b64decode(payload["data"]), "<i2")
    shape = (payload["persons"], payload["shown"], len(layout), channels)
    values = words.reshape(shape).astype(float)
    return np.where(values == MISSING, np.nan, values) * payload["scale"] + payload["low"]


@pytest.mark.parametrize("pixels", [False, True])
def test_coordinates_survive_within_a_small_part_of_their_extent(make_clip, pixels):
    clip = make_clip(frames=7, persons=2, pixels=pixels)
    coords = clip.coords.copy()
    coords[1, 3:, 4] = np.nan
    clip = clip.replace(coords=coords)
    back = decoded(clip_payload(clip), clip.layout, coords.shape[-1])
    np.testing.assert_allclose(back, coords, atol=np.nanmax(np.abs(coords)) / 15000)
    assert np.array_equal(np.isnan(back), np.isnan(coords))


def test_long_clips_are_thinned_and_say_so(make_clip):
    clip = make_clip(frames=100)
    payload = clip_payload(clip, most_frames=30)
    assert (payload["frames"], payload["step"], payload["shown"]) == (100, 4, 25)
    back = decoded(payload, clip.layout, 3)
    np.testing.assert_allclose(back, clip.coords[:, ::4], atol=1e-3)


def test_a_page_of_one_clip_needs_no_network(tmp_path, make_clip, read_page):
    path = view(make_clip(id="a1", label=0), tmp_path / "new" / "view.html", classes=["wave"])
    page = read_page(path)
    assert page.addresses == [] and "url(" not in path.read_text()
    assert "https:" not in path.read_text() and "http:" not in path.read_text()
    assert "a1" in page.text and "wave" in page.text
    assert {"canvas", "button", "input", "select"} <= {tag for tag, _ in page.tags}
    assert not list(path.parent.glob("*.tmp"))


def test_names_cannot_break_out_of_the_page(tmp_path, make_clip, read_page):
    clips = [make_clip(id=NASTY, label=0), make_clip(id="other", label=1)]
    path = view(clips, tmp_path / "view.html", classes=[NASTY, "b"])
    page = read_page(path)
    assert NASTY in page.text
    assert [one["id"] for one in document(path)["clips"]] == [NASTY, "other"]
    assert sum(tag == "script" for tag, _ in page.tags) == 2
    assert path.read_text("utf-8").count("</script>") == 2


@pytest.mark.parametrize("frames, persons", [(0, 0), (5, 0), (1, 1), (0, 1)])
def test_empty_and_one_frame_clips_have_a_page(tmp_path, make_clip, read_page, frames, persons):
    path = view(make_clip(frames=frames, persons=persons), tmp_path / "view.html")
    (payload,) = document(path)["clips"]
    assert (payload["frames"], payload["persons"]) == (frames, persons)
    assert "unlabelled" in read_page(path).text


@pytest.fixture
def archive(tmp_path, make_clip):
    clips = [make_clip(id=f"clip {i}", label=i % 3, frames=3) for i in range(20)]
    clips.append(make_clip(id="unknown", label=None))
    return write_archive(tmp_path / "a", clips, ["walk", "run & <jump>", "sit", "no clips"])


def test_an_archive_shows_every_class_that_has_clips(tmp_path, archive, read_page):
    path = view(archive, tmp_path / "view.html", clips_per_class=2)
    found = document(path)["clips"]
    labels = [one["label"] for one in found]
    assert {name: labels.count(name) for name in labels} == {
        "walk": 2,
        "run & <jump>": 2,
        "sit": 2,
        "unlabelled": 1,
    }
    page = read_page(path)
    assert all(name in page.text for name in archive.classes[:3])
    assert sum(attrs.get("class") == "card" for _, attrs in page.tags) == 7


def test_clips_of_a_class_are_spread_evenly(tmp_path, archive):
    path = view(archive, tmp_path / "view.html", clips_per_class=1)
    walk = [one["id"] for one in document(path)["clips"] if one["label"] == "walk"]
    assert walk == ["clip 9"]  # the middle one of 0, 3, ..., 18


def test_clips_can_be_asked_for_by_id(tmp_path, archive):
    path = view(archive, tmp_path / "view.html", ids=["clip 5", "clip 2"])
    assert {one["id"] for one in document(path)["clips"]} == {"clip 2", "clip 5"}
    with pytest.raises(ArchiveError, match="no clip is called 'clip 99'"):
        view(archive, tmp_path / "view.html", ids=["clip 99"])
    with pytest.raises(ArchiveError, match="at least 1"):
        view(archive, tmp_path / "view.html", clips_per_class=0)


def test_what_cannot_share_a_page_is_refused(tmp_path, make_clip):
    with pytest.raises(ShapeError, match="nothing to view"):
        view([], tmp_path / "view.html")
    with pytest.raises(ShapeError, match="one layout and space"):
        view([make_clip(), make_clip(layout="coco_17")], tmp_path / "view.html")
    assert not list(tmp_path.iterdir())


def test_the_page_knows_the_skeleton(tmp_path, make_clip):
    layout = get_layout("kinect_v2_25")
    found = document(view(make_clip(layout=layout.name), tmp_path / "v.html"))["skeleton"]
    assert found["joints"] == list(layout.joints) and found["up"] is True
    assert found["bones"] == [list(bone) for bone in layout.bones]


def test_viewing_needs_no_torch():
    code = "import sys, gesta.cli.view; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
