import numpy as np
import pytest

from gesta.datasets import prepare
from gesta.errors import FormatError, GestaError
from gesta.formats import read_clip

ARM = """
name = "arm"
joints = ["shoulder", "elbow", "hand"]
bones = [["elbow", "shoulder"], ["hand", "elbow"]]
"""


@pytest.fixture
def folder(tmp_path):
    """Twelve clips by six subjects, half of them CSV, and a layout of one's own."""
    source = tmp_path / "own"
    (source / "clips").mkdir(parents=True)
    (tmp_path / "arm.toml").write_text(ARM)
    random, lines = np.random.default_rng(0), ["file,label,subject,split"]
    for number in range(12):
        coords = random.normal(size=(4, 3, 3))
        if number % 2:
            name = f"clips/{number:02}.csv"
            rows = [f"{t},{v},{x!r},{y!r},{z!r}" for t in range(4) for v in range(3)
                    for x, y, z in [[float(value) for value in coords[t, v]]]]  # fmt: skip
            (source / name).write_text("\n".join(["frame,joint,x,y,z", *rows]))
        else:
            name = f"clips/{number:02}.npz"
            np.savez(source / name, coords=coords)
        label, part = ("wave", "clap")[number % 2], ("train", "test")[number > 7]
        lines.append(f"{name},{label},s{number % 6},{part}")
    (source / "labels.csv").write_text("\n".join(lines))
    return source


def prepared(folder, **options):
    layout = options.pop("layout", folder.parent / "arm.toml")
    return prepare("arrays", folder, folder.parent / "archive", layout=layout, **options)


def edit(folder, old: str, new: str) -> None:
    table = folder / "labels.csv"
    table.write_text(table.read_text().replace(old, new))


def test_a_folder_becomes_an_archive(folder):
    archive = prepared(folder)
    assert (len(archive), archive.classes, archive.skipped) == (12, ("clap", "wave"), [])
    assert archive.layout.name == "arm" and archive.space == "camera_metres"
    assert archive.ids[:2] == ["clips/00", "clips/01"]
    assert archive.labels.tolist() == [1, 0] * 6
    assert archive.table.subject[:2] == ["s0", "s1"]


def test_clips_that_show_nobody_are_kept_and_counted(folder):
    np.savez(folder / "clips" / "00.npz", coords=np.full((2, 4, 3, 3), np.nan))
    archive = prepared(folder)
    assert (len(archive), archive.skipped) == (12, [])
    assert archive.persons.tolist() == [0, *[1] * 11] and archive.frames[0] == 4
    assert archive.counts["without_rows"] == 1
    assert read_clip(folder / "clips" / "00.npz", folder.parent / "arm.toml").persons == 0


def test_the_column_split_is_the_protocol_given(folder):
    archive = prepared(folder)
    parts = archive.split("given")
    assert sorted([*parts["train"], *parts["validation"]]) == list(range(8))
    assert parts["test"].tolist() == [8, 9, 10, 11]


def test_subjects_make_five_folds(folder):
    archive = prepared(folder)
    names = archive.protocol_names("folds")
    tests = [archive.split(name)["test"] for name in names]
    assert len(names) == 5 and sorted(np.concatenate(tests)) == list(range(12))
    assert {archive.table.subject[i] for i in tests[0]} == {"s0", "s5"}


def test_without_subjects_and_split_there_is_still_random(folder):
    lines = (folder / "labels.csv").read_text().splitlines()
    two = (",".join(line.split(",")[:2]) for line in lines)
    (folder / "labels.csv").write_text("\n".join(two))
    archive = prepared(folder)
    assert list(archive.protocols) == ["random"]


def test_clips_without_a_label_are_kept(folder):
    edit(folder, "clips/00.npz,wave", "clips/00.npz,")
    assert prepared(folder).labels.tolist()[:3] == [-1, 0, 1]


def test_a_bad_file_is_skipped_with_its_reason(folder):
    (folder / "clips" / "03.csv").write_text("frame,joint,x,y,z\n0,tail,1,2,3\n")
    archive = prepared(folder)
    assert len(archive) == 11
    (skipped,) = archive.skipped
    assert skipped["name"] == "clips/03.csv" and "line 2, column joint" in skipped["reason"]


def test_strict_stops_at_a_bad_file(folder):
    (folder / "clips" / "00.npz").write_bytes(b"")
    with pytest.raises(FormatError, match="clips/00.npz"):
        prepared(folder, strict=True)
    assert not (folder.parent / "archive").exists()


def test_a_file_without_a_line_is_skipped_and_named(folder):
    np.savez(folder / "clips" / "99.npz", coords=np.ones((4, 3, 3)))
    (skipped,) = prepared(folder).skipped
    assert skipped["name"] == "clips/99.npz" and "a line for every clip" in skipped["reason"]


def test_a_line_without_a_file_is_an_error_with_its_line(folder):
    edit(folder, "clips/04.npz", "clips/44.npz")
    with pytest.raises(FormatError, match="line 6, column file.*'clips/44.npz'"):
        prepared(folder)


def test_the_table_is_needed(folder):
    (folder / "labels.csv").unlink()
    with pytest.raises(FormatError, match="write one with the columns file,label"):
        prepared(folder)


def test_the_layout_is_needed(folder):
    with pytest.raises(GestaError, match="none could be read.*--layout"):
        prepared(folder, layout=None)
    with pytest.raises(FormatError, match="--layout"):
        prepared(folder, layout=None, strict=True)
