"""Writing that survives a crash: a file is there whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Write a file beside its place, force it to disk, and rename it into place.

    Raises:
        OSError: it cannot be written; nothing half-written is left.
    """
    beside = path.with_name(path.name + ".tmp")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        # A full disk is reported without a name, and a failed renaming with the one beside.
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def check_place(path: Path) -> None:
    """Raise now what writing a file would raise later, before long work that it is to hold.

    Folders that are missing on the way count as made; nothing is made or written here.

    Raises:
        OSError: a folder has that name, a file stands where a folder must be, the folder cannot
            be written in, or the name is none.
    """
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_folder = False
    if is_folder:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    folder = Path(os.path.abspath(path)).parent
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk; nothing to do where folders cannot be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_empty_folder(path: Path) -> bool:
    """Whether there is a folder with nothing in it."""
    return path.is_dir() and not any(path.iterdir())


def put_in_place(source: Path, target: Path, leave: Iterable[str]) -> None:
    """Rename a folder to its place; what stood there is removed only after that.

    Args:
        source: the finished folder.
        target: its place.
        leave: files in it that are removed on the way.

    Raises:
        OSError: it cannot be renamed; what stood there stands there again.
    """
    old = target.with_name(target.name + ".replaced")
    if is_empty_folder(target):
        target.rmdir()
    elif target.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.rename(target, old)
    try:
        os.rename(source, target)
    except OSError:
        if old.exists():
            os.rename(old, target)
        raise
    for name in leave:
        (target / name).unlink(missing_ok=True)
    sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)
