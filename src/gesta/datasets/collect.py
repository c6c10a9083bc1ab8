"""Members of a source through one process or several into an archive, what is bad told apart."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing.synchronize import Event
from pathlib import Path

from gesta.archive import ArchiveWriter
from gesta.clip import Clip
from gesta.errors import ArchiveError, GestaError

Progress = Callable[[int, int | None], None]
# A member of a source, and what came of it: its clips, and why others could not be read.
Member = tuple[str, bytes | Path]
Outcome = tuple[str, Sequence[Clip | GestaError]]
Work = Callable[[list[Member]], list[Outcome]]

_CHUNK = 8  # members a task: a small file takes less time to parse than to send
_AHEAD = 3  # tasks a process that wait or are done, which bounds memory
_FEW = 64  # so many members are parsed before it is worth while to start processes


@dataclass(frozen=True)
class Collected:
    """What came of the members of a source.

    Args:
        members: how many were read, now or before a break.
        clips: how many clips they gave; at least, where they were read before a break.
        skipped: why something could not be read.
    """

    members: int
    clips: int
    skipped: Sequence[GestaError]


def collect(
    writer: ArchiveWriter,
    outcomes: Generator[Outcome, None, None],
    *,
    total: int | None,
    strict: bool,
    progress: Progress | None,
) -> Collected:
    """Add what members gave to an archive, and list in it what could not be read.

    Args:
        writer: of the archive; members in its ``done`` count as read.
        outcomes: of the others.
        total: how many members there are, None where that is not known.
        strict: raise for the first that cannot be read.
        progress: is told how many members are done, and ``total``.

    Raises:
        GestaError: with ``strict``, why something could not be read.
        ArchiveError: a clip does not fit the archive, two have one id, or the disk refuses.
    """
    done = clips = len(writer.done)
    skipped: list[GestaError] = []
    members: dict[str, str] = {}  # that clips came from, by the clips' ids
    report = progress or _silent
    report(done, total)
    with closing(outcomes):
        for name, outcome in outcomes:
            for one in outcome:
                if isinstance(one, Clip):
                    _check_new(one.id, name, members, writer.partial)
                    writer.add(one, key=name)
                    clips += 1
                elif strict:
                    raise one
                else:
                    writer.skip(name, _without_name(str(one), name), key=name)
                    skipped.append(one)
            done += 1
            report(done, total)
    return Collected(done, clips, skipped)


def outcomes(
    work: Work,
    members: Iterator[Member],
    processes: int | None,
    *,
    chunk: int = _CHUNK,
    few: int = _FEW,
) -> Generator[Outcome, None, None]:
    """The outcome of each member, in their order.

    Args:
        work: what is done with members; it goes to each process once, by pickle.
        members: names and content.
        processes: that work; 1 works in this one, None takes one a core once ``few`` are done.
        chunk: members that a process is given at a time.
        few: members that are done before processes are started where their number is left open.

    Raises:
        GestaError: a process ended of itself.
    """
    # A few are parsed here: starting processes takes longer than that.
    here = {None: few, 1: None}.get(processes, 0)
    for member in islice(members, here):
        yield from work([member])
    chunks = _chunks(members, chunk)
    first = next(chunks, None)
    if first is None:
        return
    processes = processes or cores()
    # Spawned, not forked: a process that has threads (torch, BLAS) must not be copied.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(
        processes, mp_context=context, initializer=_begin_worker, initargs=(work, stop)
    )
    waiting: deque[Future[list[Outcome]]] = deque()
    try:
        for each in chain([first], chunks):
            waiting.append(pool.submit(_work, each))
            if len(waiting) >= _AHEAD * processes:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise GestaError(
            "a process that reads files ended at once; in a script, make this call below "
            'if __name__ == "__main__":, or give processes=1; else it may have run out of memory'
        ) from error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stopping() -> bool:
    """Whether nobody waits any more for what this worker process does.

    Long work asks now and then and ends early: the process that started it waits for its end.
    """
    return _worker is not None and _worker.stop.is_set()


@dataclass(frozen=True)
class _Worker:
    """What a worker process is told as it begins."""

    work: Work
    stop: Event


_worker: _Worker | None = None


def _begin_worker(work: Work, stop: Event) -> None:
    global _worker
    # Ctrl-C goes to all processes of a terminal; the one that writes decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = _Worker(work, stop)


def _work(chunk: list[Member]) -> list[Outcome]:
    assert _worker is not None  # the initializer ran
    return _worker.work(chunk)


def _check_new(clip: str, name: str, members: dict[str, str], partial: Path) -> None:
    """Note which member a clip came from, or raise where another clip had its id already."""
    first = members.setdefault(clip, name)
    if first != name:
        raise ArchiveError(
            f"{first} and {name}: both have the clip {clip!r}, and ids are unique; take {name} out "
            f"of the source to go on, or {first} and delete {partial} to begin anew"
        )


def _without_name(reason: str, name: str) -> str:
    """Why a member cannot be read, without its path in front: it stands beside its name."""
    before, found, after = reason.partition(f"{name}: ")
    return after if found and (not before or before.endswith("/")) else reason


def _chunks(members: Iterator[Member], size: int) -> Iterator[list[Member]]:
    while chunk := list(islice(members, size)):
        yield chunk


def _silent(done: int, total: int | None) -> None:
    """For those whom nobody watches."""
