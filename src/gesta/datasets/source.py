"""Where the files of a data set lie: a folder, a zip, or a tar, read in the same way."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from gesta.errors import FormatError, GestaError

Select = Callable[[str], bool]
Load = Callable[[], bytes | Path]

_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")
_COMPRESSIONS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"\xfd7zXZ": lzma.open,
    b"BZh": bz2.open,
}
# Files that hold a whole data set; an npz is a zip, but what is in it are no files.
_SINGLE_ENDINGS = (".npz", ".pkl", ".pickle")
_JUNK = {"__macosx", "thumbs.db", "desktop.ini"}
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError),
    # What zipfile raises for an encrypted member, and for a compression it does not know.
    *(RuntimeError, NotImplementedError),
)


class Source:
    """A folder, ``.zip``, ``.tar``, ``.tar.gz`` or ``.tar.xz`` with the files of a data set.

    Where one ``.npz`` or pickle is the whole data set it may be given itself: it is then the only
    member. Members are named by their posix path below the folder or in the archive. Hidden files
    and what file managers leave behind (``.DS_Store``, ``__MACOSX``, ``Thumbs.db``) are not
    members, nor are links within an archive and names that lead out of it. Nothing is unpacked to
    disk.

    Args:
        path: of the folder or archive.

    Raises:
        GestaError: nothing is there.
        FormatError: it is no folder and no archive of a known kind.
        OSError: a folder in it cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise GestaError(f"{self.path}: no such file or folder")
        if self.path.is_dir():
            self.kind = "folder"
        elif self.path.name.lower().endswith(_SINGLE_ENDINGS):
            self.kind = "file"
        elif zipfile.is_zipfile(self.path):
            self.kind = "zip"
        elif self.path.name.lower().endswith(_TAR_ENDINGS):
            self.kind = "tar"
        else:
            raise FormatError(
                self.path,
                "file",
                "a folder, .zip, .tar, .tar.gz or .tar.xz (or an .npz or .pkl with all clips)",
                f"a file that is none of them ({self.path.stat().st_size} bytes)",
                "if it is an archive, it is damaged: fetch it again",
            )

    def names(self, select: Select | None = None) -> list[str]:
        """The member names, sorted for folders and zips, in stream order for tars.

        A compressed tar is decompressed in whole to get them.
        """
        return [name for name, _ in self._entries(select or _everything)]

    def count(self, select: Select) -> int | None:
        """How many members are selected; None for tars, where counting reads everything."""
        return None if self.kind == "tar" else len(self.names(select))

    def members(self, select: Select) -> Iterator[tuple[str, bytes]]:
        """The selected members with their bytes, one after the other, in the order of `names`.

        Raises:
            FormatError: the archive is damaged.
        """
        for name, content in self.handles(select):
            yield name, content.read_bytes() if isinstance(content, Path) else content

    def handles(self, select: Select) -> Iterator[tuple[str, bytes | Path]]:
        """As `members`, but members of a folder come as paths, for others to read.

        Raises:
            FormatError: the archive is damaged.
        """
        for name, load in self._entries(select):
            with self._damage_named():
                content = load()
            yield name, content

    def first(self, select: Select) -> tuple[str, bytes] | None:
        """The first selected member, or None; a tar is read only as far as needed."""
        return next(self.members(select), None)

    def _entries(self, select: Select) -> Iterator[tuple[str, Load]]:
        kinds = {"folder": self._folder, "zip": self._zip, "tar": self._tar, "file": self._file}
        for name, load in kinds[self.kind]():
            if _is_member(name) and select(name):
                yield name, load

    def _folder(self) -> Iterator[tuple[str, Load]]:
        names, seen = [], set()
        for folder, folders, files in os.walk(self.path, onerror=_raise, followlinks=True):
            # People link data sets together; a link back up would go round for ever.
            folders[:] = [name for name in folders if not name.startswith(".")]
            real = os.path.realpath(folder)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            below = Path(folder).relative_to(self.path)
            names += [(below / name).as_posix() for name in files]
        for name in sorted(names):
            yield name, partial(Path, self.path / name)

    def _file(self) -> Iterator[tuple[str, Load]]:
        yield self.path.name, partial(Path, self.path)

    def _zip(self) -> Iterator[tuple[str, Load]]:
        with self._damage_named(), zipfile.ZipFile(self.path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            for entry in sorted(entries, key=lambda entry: entry.filename):
                yield entry.filename.replace("\\", "/"), partial(archive.read, entry)

    def _tar(self) -> Iterator[tuple[str, Load]]:
        with self._damage_named(), open(self.path, "rb") as file:
            head = file.read(6)
        openers = [opener for magic, opener in _COMPRESSIONS.items() if head.startswith(magic)]
        opener = openers[0] if openers else open
        with (
            self._damage_named(),
            opener(self.path, "rb") as stream,
            tarfile.open(fileobj=stream, mode="r:") as archive,
        ):
            for entry in archive:
                if entry.isfile():
                    yield str(PurePosixPath(entry.name)), partial(_content, archive, entry)
            if opener is open:
                # tarfile takes a file cut between two members for a whole one.
                stream.seek(archive.offset)
                if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    raise tarfile.ReadError("it ends without the mark of its end")

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise FormatError(
                self.path,
                "archive",
                f"a whole {self.kind}",
                f"damage ({error})",
                "fetch it again, or unpack what is readable and give that folder",
            ) from error


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry)
    if file is None:
        raise tarfile.ReadError(f"{entry.name} has no content")
    return file.read()


def _raise(error: OSError) -> None:
    raise error


def _everything(name: str) -> bool:
    return True


def _is_member(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part.lower() in _JUNK for part in path.parts)
    return not hidden and not path.is_absolute()
