"""Where overlays are written is known, and what cannot be is told, before a video is watched."""

from pathlib import Path

import pytest

from gesta.cli.overlays import overlay_paths
from gesta.errors import MediaError, RecipeError


def test_one_video_gives_the_file_that_was_named(tmp_path):
    assert overlay_paths(["film.mp4"], tmp_path / "seen.mov") == {"film.mp4": tmp_path / "seen.mov"}


def test_several_are_named_by_their_paths_and_none_twice():
    sources = ["a/x/v.mp4", "b/x/v.mp4", "b/x/v.avi", "a-x/v.mp4"]
    found = overlay_paths(sources, Path("out"))
    names = [found[source].as_posix() for source in sources]
    assert names == ["out/a-x-v.mp4", "out/b-x-v.mp4", "out/b-x-v-2.mp4", "out/a-x-v-2.mp4"]


@pytest.mark.parametrize(
    ("sources", "out", "said"),
    [
        (["film.mp4"], "seen.avi", "ends in .mp4"),
        (["film.mp4"], "none/seen.mp4", "no folder"),
        (["film.mp4", "clip.skeleton"], "out", "clip.skeleton is none"),
        (["film.mp4", "b.mp4"], "seen.mp4", "names a folder"),
        (["film.mp4", "b.mp4"], "afile", "names a folder"),
        (["film.mp4"], "./film.mp4", "an input itself"),
        (["film.mp4", "b.mp4"], ".", "an input itself"),
    ],
)
def test_what_cannot_be(sources, out, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("film.mp4", "b.mp4", "afile"):
        Path(name).touch()
    with pytest.raises((MediaError, RecipeError), match=said):
        overlay_paths(sources, Path(out))
