"""``gesta train``: its options are typed from the recipe and from the model's builder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, make_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro

from gesta.archive import open_archive
from gesta.cli.arguments import read_arguments
from gesta.cli.console import Console, Progress
from gesta.errors import ModelError, RecipeError
from gesta.models import list_models, model_entry
from gesta.report import write_report
from gesta.training import (
    EpochRecord,
    Observer,
    Recipe,
    Run,
    default_folder,
    find_recipe,
    recipe_from_table,
    resume,
    train,
    train_final,
)
from gesta.training.clips import Missing
from gesta.training.dry_run import dry_run
from gesta.training.initial import join_init
from gesta.training.recipe import SECTIONS, read_table
from gesta.training.run import is_demo
from gesta.transforms import Stream

_DESCRIPTION = """Train a model, a recipe or a run's recipe again.

$ gesta train st_gcn --data data/utd_mhad --protocol cross_subject --stream bone
$ gesta train st_gcn --help                          the options of this model
$ gesta train recipe.toml --loop.epochs 20           one's own recipe, an option changed
$ gesta train --resume runs/utd_mhad-cross_subject-st_gcn-bone-0
$ gesta train --final runs/utd_mhad-cross_subject-st_gcn-bone-0

Options count in this order: defaults < the model's recipe < its part for the data set <
one's own recipe file < the command line."""


@dataclass(frozen=True)
class Arguments:
    """What is to be trained, and where to."""

    recipe: Recipe | None = None
    seeds: tuple[int, ...] = ()
    out: Path | None = None
    resume: Path | None = None
    final: Path | None = None
    dry_run: bool = False
    report: bool = True


def parse(argv: list[str]) -> Arguments:
    """Read the command line; the options depend on the model, and their defaults on the data.

    Raises:
        SystemExit: with 2 on bad arguments, with 0 after ``--help``.
    """
    try:
        if _value_of(argv, "--resume") or _value_of(argv, "--final"):
            return _parse_going_on(argv)
        return _parse_recipe(argv)
    except (RecipeError, ModelError) as error:
        print(f"gesta: error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def run(arguments: Arguments, console: Console) -> dict[str, Any]:
    """Train, and say how it went."""
    recipe, out = arguments.recipe, arguments.out
    if recipe is not None and arguments.dry_run:
        return _say_dry_run(dry_run(recipe), console)
    if recipe is not None and out is None:
        several = "seeds" if len(arguments.seeds) > 1 else str((arguments.seeds or (0,))[0])
        out = default_folder(recipe, several)
    with ConsoleObserver(console) as observer:
        try:
            if arguments.resume is not None:
                done = resume(arguments.resume, observer)
            elif arguments.final is not None:
                done = train_final(arguments.final, out, seeds=arguments.seeds, observer=observer)
            else:
                assert recipe is not None
                done = train(recipe, out, seeds=arguments.seeds, observer=observer)
        except KeyboardInterrupt:
            observer.close()
            folder = arguments.resume or out or f"{arguments.final}-final"
            raise stopped(Path(folder)) from None
    say_result(done, console)
    document = {"run": str(done.path), **done.metrics}
    if arguments.report:
        document["report"] = str(_report(done, console))
    return document


def _report(run: Run, console: Console) -> Path:
    """Write the report of a run; of a group those of its members first, which it links to."""
    for member in run.members:
        _report(member, console)
    with console.progress(f"report of {run.name}") as progress:
        page = write_report(run, progress=lambda what, done, total: progress(done, total, what))
    console.say(str(page))
    return page


def stopped(folder: Path) -> KeyboardInterrupt:
    """Ctrl-C with what goes on; nothing is there to go on with before the run has begun."""
    if not (folder / "recipe.toml").is_file():
        return KeyboardInterrupt("nothing was begun; give the same command again")
    return KeyboardInterrupt(f"go on with: gesta train --resume {shlex.quote(str(folder))}")


def say_result(run: Run, console: Console) -> None:
    """Print the measures of a finished run or group."""
    metrics = run.metrics
    if "std" in metrics:
        columns = ["member", "top-1", "top-5", "mean class", "seconds"]
        keys = ("top1", "top5", "mean_class_accuracy", "seconds")
        rows = [[m.name, *(m.metrics[key] for key in keys)] for m in run.members]
        console.table(columns, rows)
        spread = f" ± {metrics['std']['top1']:.2f} over {len(rows)}"
    else:
        spread = ""
    console.say(
        f"top-1 {metrics['top1']:.2f}{spread}, top-5 {metrics['top5']:.2f}, mean class "
        f"{metrics['mean_class_accuracy']:.2f}, chance {metrics['chance']:.2f} "
        f"({metrics['test_clips']} test clips)"
    )
    console.say(str(run.path))


class ConsoleObserver(Observer):
    """Shows a training on the console."""

    def __init__(self, console: Console) -> None:
        self._console, self._stack = console, ExitStack()
        self._report: Progress | None = None
        self._epochs, self._steps, self._note = 0, 0, ""

    def __enter__(self) -> ConsoleObserver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the progress bar."""
        self._stack.close()
        self._report = None

    def begin(self, title: str, epochs: int, done: int) -> None:
        """Open a bar for a run."""
        self.close()
        self._epochs, self._note = epochs, ""
        if done:
            self._console.say(f"{title}: going on after epoch {done} of {epochs}")
        self._report = self._stack.enter_context(self._console.progress(title))

    def batch(self, epoch: int, done: int, total: int) -> None:
        """Move the bar; the last step of an epoch waits for the epoch's figures."""
        self._steps = total
        if self._report is not None and done < total:
            self._report(epoch * total + done, self._epochs * total, self._note)

    def epoch(self, record: EpochRecord, kept: bool) -> None:
        """Say an epoch's figures beside the bar."""
        self._note = (
            f"epoch {record.epoch + 1}/{self._epochs} loss {record.train_loss:.3f} "
            f"train {record.train_top1:.1f}"
        )
        if record.validation_top1 is not None:
            self._note += f" validation {record.validation_top1:.1f}"
        if self._report is not None:
            steps = (record.epoch + 1) * self._steps
            self._report(steps, self._epochs * self._steps, self._note)

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.say(text)


def _parse_going_on(argv: list[str]) -> Arguments:
    @dataclass
    class GoOn:
        resume: Path | None = None
        """Run or group to go on with."""
        final: Path | None = None
        """Finished run or group to train again on train and validation."""
        out: Path | None = None
        """Folder of the final run; by default beside the other, with -final."""
        seed: str | None = None
        """Another seed for the final run, or several: 0,1,2."""
        report: bool = True
        """Write report.html."""

    given = read_arguments(GoOn, "gesta train", argv, _DESCRIPTION)
    if given.resume and (given.final or given.out or given.seed):
        raise RecipeError("--resume goes on in the folder it names; give it alone")
    return Arguments(
        out=given.out,
        resume=given.resume,
        final=given.final,
        seeds=_seeds(given.seed) if given.seed else (),
        report=given.report,
    )


def _parse_recipe(argv: list[str]) -> Arguments:
    argv = join_init(argv)
    target = _target(argv)
    base = _base_recipe(target, _value_of(argv, "--data"))
    wanted = _argument_class(base, _seeds_of(target))
    prog = f"gesta train {target or ''}".strip()
    given: Any = read_arguments(wanted, prog, _plain_values(argv, wanted), _DESCRIPTION)
    if base is None or given.target != target:
        raise RecipeError(
            "expected MODEL, RECIPE.toml or RUN as the first argument; models are "
            f"{', '.join(list_models())}"
        )
    seeds = _seeds(given.seed)
    recipe = base.replace(
        options=vars(given.model),
        data=given.data,
        protocol=given.protocol,
        stream=given.stream,
        init=given.init,
        context=given.context,
        seed=seeds[0],
        **{section: getattr(given, section) for section in SECTIONS},
    )
    if given.missing_rgb != base.video.missing:
        recipe = recipe.replace(video=replace(recipe.video, missing=given.missing_rgb))
    if not recipe.data or not recipe.protocol:
        raise RecipeError("say what to train on: --data ARCHIVE --protocol NAME")
    recipe.to_toml()
    return Arguments(recipe, seeds, given.out, dry_run=given.dry_run, report=given.report)


def _target(argv: Sequence[str]) -> str | None:
    """The first word that is no option and no option's value; sections' options take values."""
    flags = {"--dry-run", "--dry_run", "--report", "--no-report", "--help", "-h"}
    for place, word in enumerate(argv):
        before = argv[place - 1] if place else ""
        is_value = before.startswith("-") and "=" not in before and before not in flags
        if not word.startswith("-") and not is_value:
            return word
    return None


def _base_recipe(target: str | None, data: str | None) -> Recipe | None:
    if target is None:
        return None
    path = Path(target)
    if path.is_dir() or is_demo(target):
        return recipe_from_table(read_table(Run.open(target).recipe_path), path / "recipe.toml")
    table: Mapping[str, Any] | None = None
    name = target
    if path.suffix == ".toml":
        table = read_table(path)
        name = str(dict(table.get("model", {})).get("name", ""))
        data = data or str(table.get("data", "")) or None
    elif target not in list_models():
        near = get_close_matches(target, list_models(), n=1)
        advice = f"did you mean {near[0]!r}? " if near else ""
        raise RecipeError(
            f"{target!r} is no model, no recipe file and no run; {advice}models are "
            f"{', '.join(list_models())}"
        )
    return find_recipe(name, open_archive(data).dataset if data else None, table)


def _seeds_of(target: str | None) -> str | None:
    """The seeds of a group that has several, as ``--seed`` takes them."""
    members = Run(Path(target)).members if target is not None else []
    seeds = dict.fromkeys(member.recipe.seed for member in members)
    return ",".join(map(str, seeds)) if len(seeds) > 1 else None


def _argument_class(base: Recipe | None, seeds: str | None) -> type:
    """The command line of one model: its defaults are those of the recipe."""
    shown = base or Recipe("")
    option = tyro.conf.arg
    fields: list[Any] = [
        ("target", tyro.conf.Positional[Annotated[str, option(
            metavar="MODEL|RECIPE|RUN", help="a model, a recipe file, or the folder of a run")]]),
        ("data", Annotated[str, option(help="the archive")], field(default=shown.data)),
        (
            "protocol",
            Annotated[str, option(help='which clips train and test; "folds" runs all of them')],
            field(default=shown.protocol),
        ),
        ("stream", Annotated[Stream, option(help="what is made of the joints")],
         field(default=shown.stream)),
        ("seed", Annotated[str, option(help="a number, or several: 0,1,2")],
         field(default=seeds or str(shown.seed))),
        ("out", Annotated[Path | None, option(help="the run's folder")], field(default=None)),
        ("init", Annotated[str, option(help="run or weights to start from, or STREAM=SOURCE ...")],
         field(default=shown.init)),
        ("context", Annotated[str, option(help="context file, for a model that takes context")],
         field(default=shown.context)),
        ("missing_rgb", Annotated[Missing, option(help="what becomes of clips without usable RGB")],
         field(default=shown.video.missing)),
        ("dry_run", Annotated[bool, option(help="one batch only: shapes, memory, time")],
         field(default=False)),
        ("report", Annotated[bool, option(help="write report.html")], field(default=True)),
    ]  # fmt: skip
    sections = [("model", _model_class(base))] if base else []
    sections += list(SECTIONS.items())
    for name, cls in sections:
        value = cls(**base.options) if name == "model" and base else getattr(shown, name)
        values_given = tyro.conf.FlagConversionOff[cls]  # type: ignore[valid-type]
        fields.append((name, values_given, field(default=value)))
    return make_dataclass("TrainArguments", fields)


def _model_class(base: Recipe) -> type:
    """The options of a model as a dataclass."""
    return make_dataclass(
        "ModelOptions",
        [
            (name, Annotated[option.type, tyro.conf.arg(help=option.told)], option.default)
            for name, option in model_entry(base.model).options.items()
        ],
        frozen=True,
    )


def _plain_values(argv: Sequence[str], wanted: type) -> list[str]:
    """The same words, with ``true``, ``false`` and ``none`` written as tyro wants them."""
    optional = _optional_options(wanted)
    words = list(argv)
    for place, word in enumerate(words):
        before = words[place - 1].replace("-", "_") if place else ""
        if word in ("true", "false") and before.startswith("__"):
            words[place] = word.title()
        if word == "none" and before in optional:
            words[place] = "None"
    return words


def _optional_options(wanted: type) -> set[str]:
    """The options, as ``__section.name``, for which None is a value and "none" is not."""
    found = set()
    for section, cls in get_type_hints(wanted).items():
        for name, hint in _hints(cls).items():
            members = get_args(hint)
            texts = [text for m in members if get_origin(m) is Literal for text in get_args(m)]
            if NoneType in members and "none" not in texts:
                found.add(f"__{section}.{name}")
    return found


def _hints(cls: Any) -> dict[str, Any]:  # noqa: ANN401 - a section's class, or any other type
    return get_type_hints(cls) if hasattr(cls, "__dataclass_fields__") else {}


def _value_of(argv: Sequence[str], name: str) -> str | None:
    for place, word in enumerate(argv):
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
        if word == name and place + 1 < len(argv):
            return argv[place + 1]
    return None


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise RecipeError(
            f"--seed: expected a number or several (0,1,2), found {text!r}"
        ) from error


def _say_dry_run(document: dict[str, Any], console: Console) -> dict[str, Any]:
    console.table(
        ["what", "value"],
        [[key.replace("_", " "), str(value)] for key, value in document.items()],
    )
    return document
