"""Damage anywhere in an archive is an ArchiveError that names the place; nothing else comes out."""

import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from gesta.archive import open_archive, write_archive
from gesta.clip import VideoReference
from gesta.errors import ArchiveError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An archive of few clips with everything a clip can have."""
    from gesta.clip import Clip
    from gesta.skeleton import get_layout

    drawn = np.random.default_rng(0)

    def clip(i):
        shape = (2, 4, 15)
        return Clip(
            drawn.random((*shape, 3), dtype=np.float32),
            get_layout("sbu_15"),
            confidence=drawn.random(shape, dtype=np.float32),
            pixels=drawn.random((*shape, 2), dtype=np.float32),
            video=VideoReference("a.mp4", np.arange(4) / 30),
            id=f"c{i}",
            label=0,
            subject="é",
        )

    path = tmp_path_factory.mktemp("damage") / "whole"
    write_archive(path, [clip(i) for i in range(3)], ["a"])
    return path


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy")


def shard_of(path):
    return path / "shard-00000.safetensors"


def read_all(path):
    archive = open_archive(path)
    return [(c.coords, c.id, c.subject, c.label, c.video.times) for c in archive.clips]


@settings(max_examples=60)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_shard_is_noticed(whole, tmp_path_factory, at, bit):
    path = shutil.copytree(whole, tmp_path_factory.mktemp("flip") / "copy")
    data = bytearray(shard_of(path).read_bytes())
    data[int(at * len(data))] ^= 1 << bit
    shard_of(path).write_bytes(data)
    with pytest.raises(ArchiveError, match="sha256"):
        open_archive(path).flat() if _opens(path) else open_archive_reporting_sha(path)
    length = 8 + int.from_bytes(shard_of(whole).read_bytes()[:8], "little")
    if int(at * len(data)) >= length:  # what lies in the header is found by its effects, or none
        with pytest.raises(ArchiveError):
            read_all(path)


def _opens(path):
    try:
        open_archive(path)
    except ArchiveError:
        return False
    return True


def open_archive_reporting_sha(path):
    """Opening refused already: that is as good as the SHA-256 of the file."""
    try:
        open_archive(path)
    except ArchiveError as error:
        raise ArchiveError(f"sha256 not even reached: {error}") from error


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_cut_off_shard(copy, keep):
    data = shard_of(copy).read_bytes()
    shard_of(copy).write_bytes(data[:keep])
    with pytest.raises(ArchiveError, match=r"shard-00000\.safetensors"):
        open_archive(copy)


def test_a_missing_shard(copy):
    shard_of(copy).unlink()
    with pytest.raises(ArchiveError, match=r"shard-00000\.safetensors"):
        open_archive(copy)


def rewrite(copy, change):
    """Change the tensors of a shard, and make the manifest's sizes fit."""
    tensors = safetensors.numpy.load_file(shard_of(copy))
    tensors = {name: array.copy() for name, array in tensors.items()}
    change(tensors)
    shard_of(copy).write_bytes(safetensors.numpy.save(tensors))
    manifest = json.loads((copy / "archive.json").read_text())
    manifest["shards"][0]["bytes"] = shard_of(copy).stat().st_size
    from gesta.archive.shard import BULK, columns_checksum

    columns = {name: array for name, array in tensors.items() if name not in BULK}
    manifest["shards"][0]["columns_crc32"] = columns_checksum(columns)
    (copy / "archive.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("row_offsets", [0, 9, 16, 24], "row_offsets do not fit"),
        ("row_offsets", [0, 8, 16, 23], "row_offsets do not fit"),
        ("row_offsets", [0, 30, 16, 24], "row_offsets do not fit"),
        ("time_offsets", [1, 4, 8, 12], "time_offsets do not fit"),
        ("id.offsets", [0, 5, 4, 6], "id.offsets do not fit"),
        ("persons", [2, 2, 3], "row_offsets do not fit"),
        ("labels", [0, 0, 1], "label 1, and the manifest lists 1 classes"),
    ],
)
def test_columns_that_do_not_fit_each_other(copy, name, value, match):
    rewrite(copy, lambda tensors: tensors[name].__setitem__(slice(None), value))
    with pytest.raises(ArchiveError, match=match):
        open_archive(copy)


def test_tensors_of_other_shapes(copy):
    rewrite(copy, lambda tensors: tensors.update(frames=np.zeros(3, np.int64)))
    with pytest.raises(ArchiveError, match="frames: expected .*I32.*, found .*I64"):
        open_archive(copy)


def test_tensors_that_are_missing_or_too_many(copy):
    rewrite(copy, lambda tensors: tensors.pop("confidence"))
    with pytest.raises(ArchiveError, match="have confidence, and there is no such tensor"):
        open_archive(copy)
    rewrite(copy, lambda tensors: tensors.update(more=np.zeros(3)))
    with pytest.raises(ArchiveError, match="tensors: expected"):
        open_archive(copy)


def test_a_clip_that_is_no_clip(copy):
    def change(tensors):
        tensors["coords"][0, 0, 0] = np.inf
        import zlib

        parts = [tensors[n][:8] for n in ("coords", "confidence", "pixels")]
        tensors["crc32"][0] = zlib.crc32(b"".join(p.tobytes() for p in [*parts, np.arange(4) / 30]))

    rewrite(copy, change)
    with pytest.raises(ArchiveError, match="infinity"):
        open_archive(copy).read(0)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"version": 2}, "expected version 1 of the archive format, found 2"),
        ({"format": "other"}, "expected the manifest of a gesta-archive"),
        ({"layout": {"name": "x"}}, "layout table"),
        ({"channels": ["z"]}, "channels"),
        ({"space": "inches"}, "inches"),
        ({"classes": None}, "damaged"),
        ({"shards": []}, "counts 3 clips"),
        ({"shards": [{"name": "../a.safetensors"}]}, "plain"),
        ({"protocols": [{"name": "p"}]}, "ProtocolError"),
        ({"counts": {"clips": 4}}, "counts 4 clips"),
    ],
)
def test_a_damaged_manifest(copy, change, match):
    manifest = json.loads((copy / "archive.json").read_text())
    (copy / "archive.json").write_text(json.dumps(manifest | change))
    with pytest.raises(ArchiveError, match=match):
        open_archive(copy)


@settings(max_examples=40)
@given(data=st.binary(max_size=200) | st.sampled_from([b"", b"[]", b"{}", b"[" * 100_000]))
def test_a_manifest_of_anything(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any")
    (path / "archive.json").write_bytes(data)
    with pytest.raises(ArchiveError, match=r"archive\.json"):
        open_archive(path)
