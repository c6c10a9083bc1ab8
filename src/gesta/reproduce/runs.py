"""Carrying out runs: each once, in a folder that is named by what is trained, one by one or many
at a time, going on where it was stopped."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from gesta.reproduce.plan import Place, run_key
from gesta.training import DivergedError, Observer, Recipe, Run, resume, train, train_final
from gesta.training.initial import write_init

# The file in a run's folder that says that it cannot be trained, and why: it would end so again.
DIVERGED = "diverged.txt"

# What parts of a network start from: keys of runs in the same folder, or files of weights.
Starts = Mapping[str, str | Path]


@dataclass(frozen=True)
class Task:
    """A run that is wanted.

    Args:
        key: the name of its folder.
        recipe: what is trained.
        final_of: key of the run that chose, for a final run; "" for one that chooses itself.
        starts: what it starts from, by part.
    """

    key: str
    recipe: Recipe
    final_of: str = ""
    starts: Starts = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """The runs behind a row at a place: one that chooses for each seed, or one and its finals.

    Args:
        first: that choose.
        finals: that replay what was chosen.
        before: what has to be there first, because these start from it or are made of it.
    """

    first: tuple[Task, ...]
    finals: tuple[Task, ...] = ()
    before: tuple[Wanted, ...] = ()

    @property
    def reported(self) -> tuple[Task, ...]:
        """The runs whose test scores count."""
        return self.finals or self.first

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All runs, in the order in which they are trained."""
        return (*(task for one in self.before for task in one.tasks), *self.first, *self.finals)


def choosing_runs(
    recipe: Recipe, place: Place, seeds: Sequence[int], starts: Starts | None = None
) -> Wanted:
    """A run for each seed, trained without the validation part, which chooses its epoch."""
    recipes, given = [recipe.replace(seed=seed) for seed in seeds], starts or {}
    return Wanted(
        tuple(Task(run_key(one, place, starts=given), one, starts=given) for one in recipes)
    )


def final_runs(
    recipe: Recipe, place: Place, seeds: Sequence[int], starts: Starts | None = None
) -> Wanted:
    """A run of the first seed that chooses, and a final one for each seed that replays it."""
    (chosen,) = choosing_runs(recipe, place, seeds[:1], starts).first
    finals = [recipe.replace(seed=seed) for seed in seeds]
    return Wanted(
        (chosen,),
        tuple(
            Task(run_key(one, place, chosen.key, chosen.starts), one, chosen.key) for one in finals
        ),
    )


@dataclass(frozen=True)
class Workshop:
    """Where runs are kept and how many are trained at a time.

    Args:
        folder: one run folder for each key.
        jobs: processes; 1 trains in this one.
        observer: told how it goes; with several jobs only of runs that are done.
    """

    folder: Path
    jobs: int = 1
    observer: Observer = field(default_factory=Observer)

    def run(self, key: str) -> Run:
        """The run of a key."""
        return Run(self.folder / key)

    def is_done(self, task: Task) -> bool:
        """Whether a run is finished."""
        return self.run(task.key).is_finished

    def why_not(self, wanted: Wanted) -> str:
        """Which of these runs diverged, and how; "" where none did."""
        keys = dict.fromkeys(task.key for task in wanted.tasks)
        return "; ".join(filter(None, (_divergence(self.folder, key) for key in keys)))

    def _can_train(self, task: Task) -> bool:
        """Whether neither this run diverged nor one that it needs."""
        needed = [task.key, task.final_of, *task.starts.values()]
        keys = [one for one in needed if isinstance(one, str) and one]
        return not any(_divergence(self.folder, key) for key in keys)

    def carry_out(self, wanted: Iterable[Wanted]) -> None:
        """Train what is not there yet: what others start from, what chooses, what replays it.

        A run that diverges stops nothing but those that need it, see `why_not`.

        Raises:
            GestaError: a run cannot be carried out.
        """
        rows = list(wanted)
        before = [one for row in rows for one in row.before]
        if before:
            self.carry_out(before)
        self._all([task for row in rows for task in row.first])
        self._all([task for row in rows for task in row.finals])

    def _all(self, tasks: Sequence[Task]) -> None:
        open_tasks = {task.key: task for task in tasks if not self.is_done(task)}
        kept = len({task.key for task in tasks}) - len(open_tasks)
        if kept:
            self.observer.say(f"{kept} of {kept + len(open_tasks)} runs are there already")
        left = [task for task in open_tasks.values() if self._can_train(task)]
        if self.jobs == 1 or len(left) < 2:
            for place, task in enumerate(left, 1):
                self.observer.say(f"run {place} of {len(left)}: {task.key}")
                told = _carried_out(task, self.folder, self.observer)
                if told != task.key:
                    self.observer.say(told)
            return
        self._side_by_side(left)

    def _side_by_side(self, tasks: Sequence[Task]) -> None:
        # Started anew rather than forked: torch's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        before = set(multiprocessing.active_children())
        with ProcessPoolExecutor(min(self.jobs, len(tasks)), context, _one_thread) as pool:
            waiting: set[Future[str]] = {
                pool.submit(_carried_out, task, self.folder) for task in tasks
            }
            done = 0
            try:
                while waiting:
                    ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in ready:
                        done += 1
                        self.observer.say(f"run {done} of {len(tasks)} done: {future.result()}")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                # What they are at goes on from its checkpoint next time.
                for child in set(multiprocessing.active_children()) - before:
                    child.terminate()
                raise


def carry_out(task: Task, folder: Path, observer: Observer | None = None) -> Run:
    """Train one run, or go on with it, unless it is finished.

    A second process that wants the same run waits until it is there.
    """
    path = folder / task.key
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / ".locks" / task.key):
        if not _is_planned(Run(path)):
            # Whoever began it was stopped before its first step: nothing in there is worth more.
            shutil.rmtree(path, ignore_errors=True)
        if (path / "recipe.toml").is_file():
            return resume(path, observer)
        if task.final_of:
            return train_final(
                folder / task.final_of, path, seeds=(task.recipe.seed,), observer=observer
            )
        recipe = task.recipe.replace(init=init_of(task.starts, folder))
        return train(recipe, path, observer=observer)


def init_of(starts: Starts, folder: Path) -> str:
    """What a recipe says of the runs and files that parts of its network start from.

    Args:
        starts: by stream; "" is the whole network.
        folder: of the runs.
    """
    pairs = [
        (stream, str(one if isinstance(one, Path) else (folder / one).resolve()))
        for stream, one in starts.items()
    ]
    return write_init(pairs)


def _is_planned(run: Run) -> bool:
    """Whether a run, or a group and each of its members, has its recipe."""
    if not run.recipe_path.is_file():
        return False
    return all(_is_planned(member) for member in run.members)


def _carried_out(task: Task, folder: Path, observer: Observer | None = None) -> str:
    try:
        return carry_out(task, folder, observer).name
    except DivergedError as error:
        path = folder / task.key
        path.mkdir(exist_ok=True)  # a first epoch that fails leaves nothing behind
        (path / DIVERGED).write_text(str(error), "utf-8")
        return _divergence(folder, task.key)


def _divergence(folder: Path, key: str) -> str:
    """That a run diverged, and how; "" where it did not."""
    file = folder / key / DIVERGED
    return f"{key} diverged: {file.read_text('utf-8')}" if file.is_file() else ""


def _one_thread() -> None:
    # Several processes with several threads each stall one another; and Ctrl-C, which reaches
    # all of them, is for the one that people look at.
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file while the context is open; it is freed when its process ends."""
    if os.name != "posix":
        yield
        return
    import fcntl

    path.parent.mkdir(exist_ok=True)
    # The file stays: were it removed, who waits for it and who comes later would hold two.
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
