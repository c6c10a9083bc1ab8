"""Bad files of every format through the command line: skipped with a reason, or one error."""

import io
import json
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from scipy.io import savemat

from gesta.skeleton import get_layout

# Files of every format. Each maker takes a number, from which name and content follow.


def numbers(seed, *shape):
    return np.random.default_rng(seed).uniform(0.2, 0.9, shape)


def mat(key, values):
    file = io.BytesIO()
    savemat(file, {key: values})
    return file.getvalue()


def ntu(seed, joints=25, bad=None):
    rows = [" ".join(map(repr, row)) for row in numbers(seed, joints, 11).tolist()]
    if bad is not None:
        rows[3] = f"{bad} {rows[3]}".rpartition(" ")[0]
    state = ["2"] * joints
    body = ["7 0 1 1 1 1 0 0.02 0.05 2", str(joints)]
    body += [f"{row} {s}" for row, s in zip(rows, state, strict=True)]
    return "\n".join(["2", *(["1", *body] * 2), ""]).encode()


def kinetics(seed, joints=18, bad=None):
    pose = numbers(seed, 2 * joints).tolist()
    pose[3] = pose[3] if bad is None else float(bad)
    person = {"pose": pose, "score": numbers(seed, joints).tolist()}
    frames = [{"frame_index": index, "skeleton": [person]} for index in (1, 2)]
    return json.dumps({"data": frames, "label": "a", "label_index": 0}).encode()


def ucla(seed, joints=20, bad=None):
    skeletons = numbers(seed, 2, joints, 3).tolist()
    skeletons[1][2][0] = skeletons[1][2][0] if bad is None else float(bad)
    name = f"a01_s{seed + 1:02d}_e00_v01"
    return json.dumps({"file_name": name, "skeletons": skeletons, "label": 1}).encode()


def sbu(seed, joints=15, bad=None):
    rows = numbers(seed, 3, joints * 6).astype(str).tolist()
    rows[1][4] = rows[1][4] if bad is None else bad
    return "".join(f"{n},{','.join(row)}\n" for n, row in enumerate(rows, 1)).encode()


def uestc(seed, joints=25, bad=None):
    lines = []
    for frame in numbers(seed, 2, joints, 3).tolist():
        lines += ["#"] + [f"{x!r} {y!r} {z!r} 0\n{x!r} {y!r} 1\n1.5 2.5 2" for x, y, z in frame]
    text = "\n".join([*lines, ""])
    return (text if bad is None else text.replace("\n0.", f"\n{bad} 0.", 1)).encode()


def own_npz(seed, joints=17, bad=None):
    coords = numbers(seed, 1, 4, joints, 2).astype(np.float32)
    coords[0, 1, 2, 0] = coords[0, 1, 2, 0] if bad is None else float(bad)
    file = io.BytesIO()
    np.savez(file, coords=coords)
    return file.getvalue()


def own_csv(seed, joints=17, bad=None):
    # A joint that is left out is one that was not seen; one too many is an error.
    names = get_layout("coco_17").joints[:joints] + ("third_hand",) * (joints < 17)
    rows = numbers(seed, 2, len(names), 2).astype(str).tolist()
    rows[1][2][0] = rows[1][2][0] if bad is None else bad
    lines = ["frame,joint,x,y"]
    lines += [f"{t},{n},{x},{y}" for t, r in enumerate(rows) for n, (x, y) in zip(names, r)]  # noqa: B905
    return "\r\n".join([*lines, ""]).encode("utf-8-sig")


def matlab(key, joints, order):
    def make(seed, joints=joints, bad=None):
        sizes = {"V": joints, "C": 3, "T": 4}
        values = numbers(seed, *(sizes[letter] for letter in order))
        values.flat[5] = values.flat[5] if bad is None else float(bad)
        return mat(key, values)

    return make


# data set: (its command-line options, name of a file by number, its content, joints but one)
FORMATS = {
    "ntu60": ([], "S001C001P{:03d}R001A001.skeleton", ntu, 24),
    "ntu120": ([], "S001C001P{:03d}R001A061.skeleton", ntu, 24),
    "kinetics": ([], "kinetics_train/v{}.json", kinetics, 17),
    "nw_ucla": ([], "a01_s{:02d}_e00_v01.json", ucla, 19),
    "sbu": ([], "s01s02/01/{:03d}/skeleton_pos.txt", sbu, 14),
    "sysu": ([], "3DvideoNorm/s{}/video1/sklWorld.mat", matlab("SW", 20, "VCT"), 19),
    "uestc": ([], "a0_d1_p{:03d}_c1_skeleton.txt", uestc, 24),
    "utd_mhad": ([], "Skeleton/a1_s{}_t1_skeleton.mat", matlab("d_skel", 20, "VCT"), 19),
    "arrays": (["--layout", "coco_17"], "clip {} é.npz", own_npz, 16),
    "arrays, csv": (["--layout", "coco_17"], "clip {}.csv", own_csv, 16),
}


def write_source(folder, name, make, fewer):
    """Two files that are whole and five that are not; how each is damaged, by file name."""
    damaged = {
        "truncated": make(3)[: len(make(3)) * 3 // 5 - 1],
        "empty": b"",
        "binary": bytes(range(256)) * 4,
        "wrong count": make(3, joints=fewer),
        "not finite": make(3, bad="inf"),
    }
    contents = [make(0), make(1), *damaged.values()]
    names = [name.format(number + 1) for number in range(len(contents))]
    for path, content in zip(names, contents, strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    rows = [f"{path},walk" for path in names]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]))
    entries = {
        f"v{n + 1}": {"label": "a", "label_index": 0, "has_skeleton": True} for n in range(7)
    }
    (folder / "kinetics_train_label.json").write_text(json.dumps(entries))
    return dict(zip(names[2:], damaged, strict=True))


@pytest.mark.parametrize("case", FORMATS)
def test_damaged_files_of_a_data_set_are_skipped_with_a_reason(case, gesta, refused, tmp_path):
    options, name, make, fewer = FORMATS[case]
    source, dataset = tmp_path / "the sourcé", case.partition(",")[0]
    source.mkdir()
    damaged = write_source(source, name, make, fewer)
    if "kinetics" not in case:
        (source / "kinetics_train_label.json").unlink()
    words = ["prepare", dataset, source, *options]
    status, text, _ = gesta(*words, "--out", "all", "--json")
    document = json.loads(text)
    assert status == 0 and document["clips"] == 2
    skipped = {entry["name"]: entry["reason"] for entry in document["skipped"]}
    assert set(skipped) == set(damaged)
    for path, how in damaged.items():
        assert "expected" in skipped[path] and not skipped[path].startswith(path), how
    status, text, _ = gesta("doctor", "all", "--json")
    assert sum("skipped" in note["kind"] for note in json.loads(text)["notes"]) == 1
    assert "expected" in refused(*words, "--out", "strict", "--strict")
    assert not (tmp_path / "strict").exists()
    for seed, path in enumerate(damaged, 2):
        (source / path).write_bytes(make(seed))
    assert gesta(*words, "--out", "strict", "--strict")[0] == 0
    assert sorted(os.listdir(tmp_path)) == ["all", "strict", "the sourcé"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", bytes(range(256)), pickle.dumps({1: 2})])
@pytest.mark.parametrize(("dataset", "name"), [("jhmdb", "jhmdb_x.npz"), ("pyskl", "x.pkl")])
def test_a_damaged_file_of_many_clips_leaves_nothing(refused, tmp_path, dataset, name, content):
    (tmp_path / name).write_bytes(content)
    assert name in refused("prepare", dataset, name, "--out", "out")
    assert os.listdir(tmp_path) == [name]


def test_a_pickle_that_runs_code_does_not(refused, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "attacked"),)

    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"annotations": [Attack()], "split": {}}))
    refused("prepare", "pyskl", "x.pkl", "--out", "out")
    refused("view", "x.pkl")
    assert os.listdir(tmp_path) == ["x.pkl"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("file,label\nclip 1.npz,walk\nclip 9.npz,walk\n", "clip 9.npz"),
        ("file,label\nclip 1.npz,walk\nclip 1.npz,run\n", "clip 1.npz"),
        ("name,class\nclip 1.npz,walk\n", "file"),
        ("", "labels.csv"),
        ("\0\0", "labels.csv"),
    ],
)
def test_labels_that_do_not_fit_the_files(refused, gesta, tmp_path, labels, said):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "clip 1.npz").write_bytes(own_npz(0))
    (tmp_path / "in" / "labels.csv").write_text(labels)
    words = ["prepare", "arrays", "in", "--out", "out", "--layout", "coco_17"]
    status, text, error = gesta(*words, "--json")
    if status == 0:  # what can be read is kept, and the rest is told
        assert any(said in entry["name"] for entry in json.loads(text)["skipped"])
    else:
        assert said in error and not (tmp_path / "out").exists()


def test_an_unknown_label(gesta, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a1_s1_t1", "a99_s1_t1"):
        content = FORMATS["utd_mhad"][2](1)
        (tmp_path / "in" / f"{name}_skeleton.mat").write_bytes(content)
    document = json.loads(gesta("prepare", "utd_mhad", "in", "--out", "out", "--json")[1])
    assert document["clips"] == 1 and "a99" in document["skipped"][0]["reason"]


# Sources that are no data set.


def test_archives_that_lead_out_of_themselves(gesta, tmp_path):
    content = FORMATS["utd_mhad"][2](1)
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name in ("../a2_s1_t1_skeleton.mat", "/a3_s1_t1_skeleton.mat", "a1_s1_t1_skeleton.mat"):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("a4_s1_t1_skeleton.mat")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    status, text, _ = gesta("prepare", "utd_mhad", "x.tar", "--out", "out", "--json")
    assert status == 0 and json.loads(text)["clips"] <= 2
    assert sorted(os.listdir(tmp_path)) == ["out", "x.tar"]


@pytest.mark.parametrize("size", [0, 1, 100, 700])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_cut_off_archives(refused, tmp_path, kind, size):
    content, name = FORMATS["utd_mhad"][2](1), "a1_s1_t1_skeleton.mat"
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(name, content)
    else:
        mode = f"w:{kind.partition('.')[2]}"
        with tarfile.open(tmp_path / f"x.{kind}", mode) as archive:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    path = tmp_path / f"x.{kind}"
    path.write_bytes(path.read_bytes()[:size])
    assert path.name in refused("prepare", "utd_mhad", path.name, "--out", "out")
    assert os.listdir(tmp_path) == [path.name]


def test_huge_counts_in_small_files_do_not_fill_the_memory(limited, tmp_path):
    (tmp_path / "in").mkdir()
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 9999999, 17, 3), }"
        size = len(header).to_bytes(2, "little")
        archive.writestr("coords.npy", b"\x93NUMPY\x01\0" + size + header + bytes(2**20))
    files = {
        "S001C001P001R001A001.skeleton": b"99999999999\n" + ntu(0)[2:],
        "S001C001P002R001A001.skeleton": ntu(0).replace(b"\n1\n", b"\n999999999\n", 1),
        "S001C001P003R001A001.skeleton": ntu(0).replace(b"\n25\n", b"\n999999999\n", 1),
        "S001C001P004R001A001.skeleton": ntu(0),
        "a.npz": bomb.getvalue(),
        "b.npz": own_npz(0),
    }
    for name, content in files.items():
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "in" / "labels.csv").write_text("file,label\na.npz,x\nb.npz,x\n")
    options = {"ntu60": [], "arrays": ["--layout", "coco_17"]}
    for dataset, more in options.items():
        words = ["prepare", dataset, "in", "--out", dataset, "--json", *more]
        ran = limited(words, tmp_path, RLIMIT_AS=3 * 2**30)
        document = json.loads(ran.stdout)
        assert ran.returncode == 0 and document["clips"] == 1, ran.stderr
        assert len(document["skipped"]) == (3 if dataset == "ntu60" else 1)


def test_a_full_disk_in_the_middle_of_prepare(limited, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(1, 40):
        content = mat("d_skel", numbers(number, 20, 3, 100))
        (tmp_path / "in" / f"a1_s{number % 8 + 1}_t{number}_skeleton.mat").write_bytes(content)
    words = ["prepare", "utd_mhad", "in", "--out", "out"]
    ran = limited(words, tmp_path, RLIMIT_FSIZE=300_000)
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert "gesta: error: " in ran.stderr and "File too large" in ran.stderr
    assert not (tmp_path / "out").exists() and not list(tmp_path.rglob("*.tmp"))
    ran = limited(words, tmp_path)
    assert ran.returncode == 0 and "39 clips" in ran.stdout
    assert sorted(os.listdir(tmp_path)) == ["in", "out"]
