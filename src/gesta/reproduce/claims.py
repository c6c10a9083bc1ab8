"""Judging what a paper claims: by rows measured here, by trained models, by its own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gesta.errors import RunError
from gesta.evaluation import Difference
from gesta.reproduce.disturb import can_turn, disturbed
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
    LargerGain,
    Ordering,
    Pair,
    Paper,
    Robust,
    Row,
)
from gesta.reproduce.places import place_for, view_places
from gesta.reproduce.plan import Place, check_own
from gesta.reproduce.runs import Wanted
from gesta.reproduce.settings import BUDGETS, Settings
from gesta.reproduce.similarity import attention_similarity

Document = dict[str, Any]
UNANSWERED = "not measured"
# A model has to be so many times better than chance before its accuracy can be said to stay.
LEAST_OF_CHANCE = 2.0


@dataclass
class _Bench:
    """The rows of a paper, each with the runs it wants at each place."""

    paper: Paper
    settings: Settings
    plan: dict[tuple[str, str], Wanted] = field(default_factory=dict)

    def row(self, name: str) -> Row:
        return next(row for row in self.paper.rows if row.name == name)

    def want(self, names: Iterable[str], place: Place) -> None:
        for name in names:
            if (name, place.title) not in self.plan:
                runs = wanted(self.row(name), place, self.paper, self.settings)
                self.plan[name, place.title] = runs

    def measured(self, name: str, place: Place) -> Measured:
        return measure(self.row(name), place, self.plan[name, place.title], self.settings)


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
        yield name, bench.measured(name, known[title])


def _places(claim: Claim, settings: Settings) -> tuple[Place, ...] | str:
    """Where a claim is measured, or why it cannot be."""
    if claim.need == "views":
        return view_places(settings.archives)
    place = place_for(claim.need, settings.archives, settings.protocol)
    return place if isinstance(place, str) else (place,)


def _rows_of(claim: Claim) -> list[str]:
    if isinstance(claim, Ordering):
        pairs = (*claim.pairs, *claim.shown)
        return [name for pair in pairs for name in (pair.better, pair.worse)]
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
    ways: Mapping[type, Callable[..., Document]] = {
        Ordering: _ordering,
        LargerGain: _larger_gain,
        AlikeAttention: _alike,
        Robust: _robust,
    }
    return document | ways[type(claim)](claim, where, bench)


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
        return _figure(title, found, pair.threshold if judged else None, unit="points")

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
        figures.append(_figure(title, interval(gain, samples[-1]), None, unit="points"))
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
    if plain.accuracy < LEAST_OF_CHANCE * 100 / len(archive.classes):
        return {"why": f"{claim.row} recognises {plain.accuracy:.1f} %: nothing is there to fall"}
    figures = [
        _figure(
            f"{name} minus unchanged",
            difference(plain, outcomes[name], same_runs=True),
            -claim.tolerance,
            unit="points",
            detail=f"{plain.accuracy:.1f} to {outcomes[name].accuracy:.1f}",
        )
        for name in claim.changes
    ]
    return _overall(figures)


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
