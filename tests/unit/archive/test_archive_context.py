"""Context files: vectors of clips, written whole and read by slices."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gesta.archive import open_context, write_context
from gesta.errors import FormatError, ShapeError


def entries(lengths=(3, 1, 0, 5), k=3, m=5, seed=0):
    rng = np.random.default_rng(seed)
    return [(f"clip {i} ä", rng.normal(size=(n, k, m))) for i, n in enumerate(lengths)]


def test_what_is_written_is_read(tmp_path):
    path, given = tmp_path / "c.context", entries()
    about = {"backbone": "drawn", "grid": "1x3"}
    written = write_context(path, iter(given), about)
    found = open_context(path)
    assert found.ids == written.ids == tuple(name for name, _ in given)
    assert dict(found.about) == about and found.grid == (1, 3)
    for name, values in given:
        np.testing.assert_array_equal(found.of(name), values.astype(np.float16))
    assert "clip 0 ä" in found and "another" not in found
    # Anybody's reader of safetensors reads it.
    np.testing.assert_array_equal(load_file(path)["context"], found.rows)
    assert [p.name for p in tmp_path.iterdir()] == ["c.context"]


def test_one_set_a_clip_may_come_without_frames(tmp_path):
    found = write_context(tmp_path / "c", [("a", np.ones((2, 4)))])
    assert found.of("a").shape == (1, 2, 4) and found.grid is None


def test_a_row_may_hold_for_several_frames(tmp_path):
    found = write_context(tmp_path / "c", entries(), {"every": "4"})
    assert found.every == 4 and [found.rows_of(n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]
    assert write_context(tmp_path / "d", entries()).every == 1
    with pytest.raises(FormatError, match=r"every.*at least 1, found 0"):
        write_context(tmp_path / "e", entries(), {"every": "0"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "expected clips, each of them once; found 0"),
        ([("a", np.ones((1, 2, 3))), ("a", np.ones((1, 2, 3)))], "each of them once; found 2"),
        ([("a", np.ones(3))], r"clip 'a': expected \(T, k, m\) or \(k, m\), found \(3,\)"),
        ([("a", np.ones((1, 2, 3))), ("b", np.ones((1, 2, 4)))], r"expected \(T, 2, 3\), found"),
        ([("a", np.full((1, 2, 3), np.nan))], "expected finite numbers"),
        ([("a", np.full((1, 2, 3), 1e6))], "expected finite numbers below 65504"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_leaves_nothing(tmp_path, given, message):
    with pytest.raises(ShapeError, match=message):
        write_context(tmp_path / "c", given)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_told_before_the_first_clip(tmp_path):
    def clips():
        pytest.fail("a clip was asked for")
        yield

    (tmp_path / "file").touch()
    with pytest.raises(IsADirectoryError):
        write_context(tmp_path, clips())
    with pytest.raises(NotADirectoryError, match="file'"):
        write_context(tmp_path / "file" / "c", clips())


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FormatError, match=r"gone.*found none"):
        open_context(tmp_path / "gone")
    (tmp_path / "text").write_text("no")
    with pytest.raises(FormatError, match="expected a context file"):
        open_context(tmp_path / "text")
    save_file({"context": np.ones((1, 2, 3), np.float16)}, tmp_path / "other")
    with pytest.raises(FormatError, match="another kind of safetensors file"):
        open_context(tmp_path / "other")
    whole = write_context(tmp_path / "c", entries())
    (tmp_path / "cut").write_bytes(whole.path.read_bytes()[:-20])
    with pytest.raises(FormatError, match="cut"):
        open_context(tmp_path / "cut")


def test_offsets_that_do_not_fit_are_refused(tmp_path):
    path = write_context(tmp_path / "c", entries()).path
    tensors = load_file(path)
    tensors["offsets"][-1] += 1
    save_file(tensors, tmp_path / "bad", {"kind": "gesta context 1"})
    with pytest.raises(FormatError, match="offsets"):
        open_context(tmp_path / "bad")
