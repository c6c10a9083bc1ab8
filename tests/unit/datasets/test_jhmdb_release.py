import io
import zipfile

import numpy as np
import pytest
import scipy.io

from gesta.datasets import prepare
from gesta.errors import FormatError

CLIPS = ["golf/A_golf_0", "golf/A_golf_1", "golf/B_golf_0", "wave/A_wave_0", "wave/C_wave_0"]


@pytest.fixture
def release(tmp_path):
    """Five clips as the release has them: a MATLAB file each, and the text files of split 1."""
    source = tmp_path / "jhmdb"
    for number, clip in enumerate(CLIPS):
        folder = source / "joint_positions" / clip
        folder.mkdir(parents=True)
        random = np.random.default_rng(number)
        scipy.io.savemat(
            folder / "joint_positions.mat", {"pos_img": random.uniform(1, 240, (2, 15, 6))}
        )
    (source / "splits").mkdir()
    golf = "A_golf_0.avi 1\nA_golf_1.avi 1\nB_golf_0.avi 2\nnowhere_golf_0.avi 2\n"
    (source / "splits" / "golf_test_split1.txt").write_text(golf)
    (source / "splits" / "wave_test_split1.txt").write_text("A_wave_0.avi 2 \nC_wave_0.avi 1\n")
    return source


def test_annotated_joints_with_their_split(release, tmp_path):
    archive = prepare("jhmdb", release, tmp_path / "out")
    assert (archive.ids, archive.layout.name) == (CLIPS, "jhmdb_15")
    assert archive.labels.tolist() == [4, 4, 4, 20, 20] and len(archive.classes) == 21
    split = archive.protocols["split_1"]
    assert split.train_ids == ("golf/A_golf_0", "golf/A_golf_1", "wave/C_wave_0")
    assert split.test_ids == ("golf/B_golf_0", "wave/A_wave_0")
    assert split.separates == ("source",)
    assert archive.table.source == ["golf/A", "golf/A", "golf/B", "wave/A", "wave/C"]


def test_splits_in_a_zip_say_the_same(release, tmp_path):
    loose = prepare("jhmdb", release, tmp_path / "loose")
    with zipfile.ZipFile(release / "splits.zip", "w") as archive:
        for path in sorted((release / "splits").iterdir()):
            archive.write(path, f"splits/{path.name}")
            archive.writestr(f"__MACOSX/splits/._{path.name}", b"\0\1")
            path.unlink()
    assert prepare("jhmdb", release, tmp_path / "out").protocols == loose.protocols


def test_another_layout_on_request(release, tmp_path):
    archive = prepare("jhmdb", release, tmp_path / "out", layout="coco_17")
    assert archive.layout.name == "coco_17"
    coords = archive.read(0).coords[0]
    raw = scipy.io.loadmat(release / "joint_positions" / CLIPS[0] / "joint_positions.mat")
    left_wrist = raw["pos_img"][:, 12].T
    np.testing.assert_allclose(coords[:, archive.layout.index("left_wrist")], left_wrist, rtol=1e-6)


@pytest.mark.parametrize("line", ["A_golf_0.avi 3", "A_golf_0.avi", "1"])
def test_a_wrong_line_in_a_split_is_named(release, tmp_path, line):
    (release / "splits" / "golf_test_split1.txt").write_text(f"B_golf_0.avi 2\n{line}\n")
    with pytest.raises(FormatError, match=r"golf_test_split1\.txt: line 2"):
        prepare("jhmdb", release, tmp_path / "out")


def test_a_damaged_zip_of_splits_is_named(release, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("splits/golf_test_split1.txt", "A_golf_0.avi 1\n")
    (release / "splits.zip").write_bytes(file.getvalue()[:-30])
    with pytest.raises(FormatError, match="splits.zip"):
        prepare("jhmdb", release, tmp_path / "out")


def test_a_damaged_clip_is_skipped(release, tmp_path):
    path = release / "joint_positions" / CLIPS[0] / "joint_positions.mat"
    path.write_bytes(path.read_bytes()[:300])
    archive = prepare("jhmdb", release, tmp_path / "out")
    assert archive.ids == CLIPS[1:]
    assert archive.skipped[0]["name"] == f"joint_positions/{CLIPS[0]}/joint_positions.mat"
    assert CLIPS[0] not in archive.protocols["split_1"].train_ids
