"""Sources: a folder, a zip and tars show the same members, and damage is told."""

import io
import os
import tarfile
import zipfile

import pytest

from gesta.datasets import Source
from gesta.errors import FormatError, GestaError

FILES = {"b/2.txt": b"two", "b/1.txt": b"one" * 5000, "a.txt": os.urandom(9000), "c/d/e.bin": b""}
JUNK = ("__MACOSX/b/._1.txt", ".DS_Store", "b/.hidden/x.txt", "c/Thumbs.db", "b/._2.txt")
ENDINGS = ("", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")


def everything(name):
    return True


def make(folder, ending, files=None):
    """A source of a kind, with junk among its files."""
    files = dict(FILES if files is None else files) | dict.fromkeys(JUNK, b"junk")
    path = folder / f"source{ending}"
    if not ending:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    elif ending == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        compression = {"gz": "gz", "tgz": "gz", "xz": "xz", "bz2": "bz2"}.get(ending.split(".")[-1])
        with tarfile.open(path, f"w:{compression or ''}") as archive:
            for name, data in files.items():
                entry = tarfile.TarInfo(f"./{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_kind_shows_the_same_members(tmp_path, ending):
    source = Source(make(tmp_path, ending))
    assert dict(source.members(everything)) == FILES
    order = list(FILES) if "t" in ending else sorted(FILES)
    assert source.names() == order
    assert [name for name, _ in source.members(everything)] == order
    texts = source.names(lambda name: name.startswith("b/"))
    assert sorted(texts) == ["b/1.txt", "b/2.txt"]
    assert source.first(lambda name: name == "b/2.txt") == ("b/2.txt", b"two")
    assert source.first(lambda name: name == "none") is None
    assert source.count(everything) == (None if "t" in ending else 4)


def test_members_of_a_folder_are_handed_on_as_paths(tmp_path):
    path = make(tmp_path, "")
    handles = dict(Source(path).handles(everything))
    assert handles["a.txt"] == path / "a.txt"


def test_linked_folders_are_followed_once(tmp_path):
    path = make(tmp_path, "")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "f.txt").write_bytes(b"linked")
    (path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(path)
    assert dict(Source(path).members(everything)) == {**FILES, "link/f.txt": b"linked"}


def test_names_that_lead_out_are_no_members(tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../up.txt", "/root.txt", "a/../../up.txt", "fine.txt"):
            archive.writestr(name, b"x")
    assert Source(path).names() == ["fine.txt"]


def test_links_in_a_tar_are_no_members(tmp_path):
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert Source(path).names() == []


@pytest.mark.parametrize("ending", ENDINGS[1:])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.7])
def test_an_archive_that_is_cut_off_is_told(tmp_path, ending, share):
    path = make(tmp_path, ending)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(FormatError, match=r"source\S*: (archive: expected a whole|file: expected)"):
        list(Source(path).members(everything))


def test_a_tar_cut_between_two_members_is_told(tmp_path):
    path = make(tmp_path, ".tar")
    path.write_bytes(path.read_bytes()[:1024])
    with pytest.raises(FormatError, match="without the mark of its end"):
        Source(path).names()


def test_a_zip_with_a_damaged_member_names_the_archive(tmp_path):
    path = make(tmp_path, ".zip")
    data = bytearray(path.read_bytes())
    place = data.index(FILES["a.txt"][100:140])
    data[place] ^= 255
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"source\.zip: archive: expected a whole zip"):
        list(Source(path).members(everything))


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(GestaError, match="no such file or folder"):
        Source(tmp_path / "nothing")
    for name in ("file.zip", "file.txt"):
        (tmp_path / name).write_text("text")
        with pytest.raises(FormatError, match="a folder, .zip, .tar.* none of them"):
            Source(tmp_path / name)


def test_a_file_of_all_clips_is_a_source_of_one_member(tmp_path):
    (tmp_path / "file.pkl").write_text("text")
    source = Source(tmp_path / "file.pkl")
    assert list(source.members(everything)) == [("file.pkl", b"text")]
    assert source.count(everything) == 1 and source.count(lambda name: False) == 0
