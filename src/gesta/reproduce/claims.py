"""Judging what a paper claims: by rows measured here, by trained models, by its own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gesta.errors import RunError
from gesta.evaluation import Difference
from gesta.reproduce.control import with_scene_of_another
from gesta.reproduce.disturb import can_turn, disturbed
from gesta.reproduce.inside import attention_inside
from gesta.reproduce.measured import Measured, measure, wanted
from gesta.reproduce.outcome import (
    CONFIDENCE,
    RESAMPLES,
    all_hold,
    difference,
    interval,
    judge,
    samples_of,
)
from gesta.reproduce.paper import (
    AlikeAttention,
    Arithmetic,
    Claim,
    Inside,
    LargerGain,
    Ordering,
    Pair,
    Paper,
    Robust,
    Row,
    Shuffled,
)
from gesta.reproduce.places import place_for, view_places
from gesta.reproduce.plan import Place, check_own
from gesta.reproduce.runs import Wanted
from gesta.reproduce.settings import BUDGETS, Settings
from gesta.reproduce.similarity import attention_similarity

Document = dict[str, Any]
UNANSWERED = "not measured"


@dataclass
class _Bench:
    """The rows of a paper, each with the runs it wants at each place."""

    paper: Paper
    settings: Settings
    plan: dict[tuple[str, str], Wanted] = field(default_factory=dict)
    done: dict[tuple[str, str], Measured] = field(default_factory=dict)

    def row(self, name: str) -> Row:
        return next(row for row in self.paper.rows if row.name == name)

    def want(self, names: Iterable[str], place: Place) -> None:
        for name in names:
            if (name, place.title) not in self.plan:
                runs = wanted(self.row(name), place, self.paper, self.settings)
                self.plan[name, place.title] = runs

    def why_not(self, names: Iterable[str], where: Iterable[Place]) -> str:
        """Which runs of rows diverged; "" where none did."""
        workshop = self.settings.workshop
        found = [
            workshop.why_not(self.plan[name, place.title]) for place in where for name in names
        ]
        return "; ".join(dict.fromkeys(filter(None, found)))

    def measured(self, name: str, place: Place) -> Measured:
        key = (name, place.title)
        if key not in self.done:
            self.done[key] = measure(self.row(name), place, self.plan[key], self.settings)
        return self.done[key]


def reproduce_claims(paper: Paper, settings: Settings) -> Document:
    """Train the rows that a paper's claims compare, and judge each claim.

    Each claim is measured on the first archive that can answer it.

    Returns:
        Plain values that the pages are made of, see `gesta.reproduce.pages`.

    Raises:
        GestaError: a run cannot be carried out.
    """
    check_own(settings.own, paper.rows)
    bench = _Bench(paper, settings)
    places = [_places(claim, settings) for claim in paper.claims]
    for claim, where in zip(paper.claims, places, strict=True):
        for place in where if isinstance(where, tuple) else ():
            bench.want(_rows_of(claim), place)
    settings.workshop.carry_out(bench.plan.values())
    return {
        "target": f"{paper.name}/claims",
        **settings.block.described(),
        "kind": "claims",
        "paper": {"title": paper.title, "citation": paper.citation},
        "title": "Claims",
        "budget": settings.budget,
        "schedule": BUDGETS[settings.budget],
        "seeds": list(settings.seeds),
        "own": dict(settings.own),
        "resamples": RESAMPLES,
        "confidence": CONFIDENCE,
        "claims": [
            _judged(claim, where, bench) for claim, where in zip(paper.claims, places, strict=True)
        ],
        "rows": [
            {
                "name": name,
                "place": one.place.title,
                **one.numbers(),
            }
            for name, one in _all_rows(bench, places)
        ],
        "arithmetic": [check_arithmetic(one) for one in paper.arithmetic],
    }


def _all_rows(
    bench: _Bench, places: list[tuple[Place, ...] | str]
) -> Iterable[tuple[str, Measured]]:
    found = [place for where in places if not isinstance(where, str) for place in where]
    known = {place.title: place for place in found}
    for name, title in bench.plan:
        if not bench.why_not([name], [known[title]]):
            yield name, bench.measured(name, known[title])


def _places(claim: Claim, settings: Settings) -> tuple[Place, ...] | str:
    """Where a claim is measured, or why it cannot be."""
    if claim.need == "views":
        return view_places(settings.archives)
    if claim.need == "several_contexts" and settings.block.vectors == 1:
        return (
            "the context file has a single vector a frame, of which average and maximum are the "
            "same; make one of several: gesta context --grid 7"
        )
    place = place_for(claim.need, settings.archives, settings.protocol)
    return place if isinstance(place, str) else (place,)


def _rows_of(claim: Claim) -> list[str]:
    """The rows that a claim compares, judged or shown."""
    if isinstance(claim, Shuffled):
        return [claim.row, *claim.shown]
    shown = claim.shown if isinstance(claim, Ordering) else ()
    return [*_judged_rows(claim), *(name for one in shown for name in (one.better, one.worse))]


def _judged_rows(claim: Claim) -> list[str]:
    if isinstance(claim, Ordering):
        return [name for pair in claim.pairs for name in (pair.better, pair.worse)]
    if isinstance(claim, LargerGain):
        return [claim.pair.better, claim.pair.worse]
    return [claim.row]


def _judged(claim: Claim, where: tuple[Place, ...] | str, bench: _Bench) -> Document:
    document: Document = {
        "statement": claim.statement,
        "place": claim.place,
        "note": claim.note,
        "on": [] if isinstance(where, str) else [place.title for place in where],
        "figures": [],
        "verdict": UNANSWERED,
        "why": where if isinstance(where, str) else "",
    }
    if isinstance(where, str):
        return document
    if why := bench.why_not(_rows_of(claim), where):
        return document | {"why": why}
    ways: Mapping[type, Callable[..., Document]] = {
        Ordering: _ordering,
        LargerGain: _larger_gain,
        AlikeAttention: _alike,
        Robust: _robust,
        Shuffled: _shuffled,
        Inside: _inside,
    }
    document |= ways[type(claim)](claim, where, bench)
    unlearnt = _unlearnt(claim, where, bench)
    return document | _undecided(document, unlearnt) if unlearnt else document


def _unlearnt(claim: Claim, where: tuple[Place, ...], bench: _Bench) -> str:
    """Which rows that a claim is judged by recognise hardly more than chance; "" where none."""
    rows = [bench.measured(name, place) for place in where for name in _judged_rows(claim)]
    found = {f"{one.row.name} ({one.outcome.accuracy:.1f} %)": one.has_learnt for one in rows}
    return ", ".join(name for name, has_learnt in found.items() if not has_learnt)


def _undecided(document: Document, unlearnt: str) -> Document:
    """A failed training says nothing about a claim, one way or the other."""
    return {
        "figures": [figure | {"verdict": None} for figure in document["figures"]],
        "verdict": "too small to tell",
        "why": f"hardly above chance, so that nothing is judged: {unlearnt}",
    }


def _figure(name: str, found: Difference, threshold: float | None = 0.0, **more: Any) -> Document:  # noqa: ANN401
    verdict = None if threshold is None else judge(found, threshold)
    return {"name": name, **asdict(found), "threshold": threshold, "verdict": verdict, **more}


def _overall(figures: list[Document]) -> Document:
    verdicts = [figure["verdict"] for figure in figures if figure["verdict"] is not None]
    return {"figures": figures, "verdict": all_hold(verdicts)}


def _ordering(claim: Ordering, where: tuple[Place, ...], bench: _Bench) -> Document:
    def figure(pair: Pair, judged: bool) -> Document:
        better, worse = (bench.measured(name, where[0]) for name in (pair.better, pair.worse))
        found = difference(worse.outcome, better.outcome)
        title = f"{pair.better} minus {pair.worse}"
        levels = f"{better.outcome.accuracy:.1f} and {worse.outcome.accuracy:.1f} %"
        threshold = pair.threshold if judged else None
        return _figure(title, found, threshold, unit="points", detail=levels)

    return _overall(
        [figure(pair, True) for pair in claim.pairs] + [figure(pair, False) for pair in claim.shown]
    )


def _larger_gain(claim: LargerGain, where: tuple[Place, ...], bench: _Bench) -> Document:
    gains, samples, figures = [], [], []
    for seed, place in enumerate(where):
        better, worse = (
            bench.measured(name, place).outcome for name in (claim.pair.better, claim.pair.worse)
        )
        gain = better.accuracy - worse.accuracy
        gains.append(gain)
        samples.append(samples_of(worse, better, seed=seed))
        title = f"gain on {place.title}"
        levels = f"{worse.accuracy:.1f} to {better.accuracy:.1f} %"
        spread = interval(gain, samples[-1])
        figures.append(_figure(title, spread, None, unit="points", detail=levels))
    found = interval(gains[0] - gains[1], samples[0] - samples[1])
    figures.append(_figure("gain across views minus across subjects", found, unit="points"))
    return _overall(figures)


def _alike(claim: AlikeAttention, where: tuple[Place, ...], bench: _Bench) -> Document:
    measured = bench.measured(claim.row, where[0])
    try:
        found = attention_similarity(measured.runs, where[0].archive)
    except RunError as error:
        return {"why": str(error)}
    counts = f"{found.within_pairs:,} pairs within and {found.between_pairs:,} between classes"
    levels = f"within {found.within:.3f}, between {found.between:.3f}; {counts}"
    return _overall(
        [
            _figure(
                "mean cosine within minus between", found.gap, claim.least, unit="", detail=levels
            ),
            _figure("the same of maps less their mean", found.gap_centred, None, unit=""),
        ]
    )


def _robust(claim: Robust, where: tuple[Place, ...], bench: _Bench) -> Document:
    archive = where[0].archive
    if any(name.startswith("turn") for name in claim.changes) and not can_turn(archive):
        return {"why": f"{where[0].dataset} has no vertical to turn about"}
    measured = bench.measured(claim.row, where[0])
    outcomes = disturbed(measured.runs, archive, claim.changes)
    plain = outcomes[""]
    figures = [
        _figure(
            f"{name} minus unchanged",
            difference(plain, outcomes[name], same_runs=True),
            -claim.tolerance,
            unit="points",
            detail=f"{plain.accuracy:.1f} to {outcomes[name].accuracy:.1f} %",
        )
        for name in claim.changes
    ]
    return _overall(figures)


def _shuffled(claim: Shuffled, where: tuple[Place, ...], bench: _Bench) -> Document:
    def figure(name: str) -> Document:
        measured = bench.measured(name, where[0])
        own = measured.outcome
        other = with_scene_of_another(measured.runs, where[0].archive)
        found = difference(other, own, same_runs=True)
        levels = f"{own.accuracy:.1f} and {other.accuracy:.1f} %"
        threshold = 0.0 if name == claim.row else None
        title = f"{name}: its own scene minus another's"
        return _figure(title, found, threshold, unit="points", detail=levels)

    return _overall([figure(name) for name in (claim.row, *claim.shown)])


def _inside(claim: Inside, where: tuple[Place, ...], bench: _Bench) -> Document:
    measured = bench.measured(claim.row, where[0])
    try:
        found = attention_inside(measured.runs, where[0].archive, claim.weights)
    except RunError as error:
        return {"why": str(error)}
    levels = (
        f"{100 * found.attention:.1f} % of the attention in {100 * found.area:.1f} % of the "
        f"picture; {found.clips:,} clips"
    )
    title = "share of the attention in the persons' box minus share of the area"
    return _overall([_figure(title, found.gap, unit="", detail=levels)])


def check_arithmetic(claim: Arithmetic) -> Document:
    """Compute a claim from the paper's own numbers."""
    found = claim.check()
    return {
        "statement": claim.statement,
        "place": claim.place,
        "against": claim.against,
        "computed": found.computed,
        "verdict": found.verdict,
    }
