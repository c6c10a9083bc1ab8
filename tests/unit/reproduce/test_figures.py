"""Figures of a table's rows: curves, accuracy by place, classes, matrices."""

import numpy as np
import pytest

from gesta.reproduce import figures
from gesta.reproduce.content import content
from gesta.reproduce.figure_content import by_class, charts, summed_pictures
from gesta.reproduce.outcome import Outcome
from gesta.reproduce.pages import _chart
from gesta.reproduce.paper import ByClass, Plot, Row
from gesta.training import EpochRecord


class Trained:
    """A run of which only the epochs are known."""

    members = ()

    def __init__(self, *losses):
        self.history = [
            EpochRecord(at, 0.1, training, 0.0, validation, None, 1.0, 0.0)
            for at, (training, validation) in enumerate(losses)
        ]


class Fold:
    """A group of runs."""

    def __init__(self, *members):
        self.members = members


class Shown:
    """A row with its runs and what they recognised."""

    def __init__(self, name, runs=(), right=None):
        self.row, self.runs, self.choosing = Row(name, ()), tuple(runs), tuple(runs)
        ids = tuple(f"c{i}" for i in range(0 if right is None else np.shape(right)[-1]))
        self.outcome = None if right is None else Outcome(ids, np.atleast_2d(right).astype(float))


def test_curves_are_means_over_folds_of_those_still_training():
    group = Fold(Trained((3.0, 4.0), (1.0, 2.0)), Trained((2.0, 3.0)))
    found = figures.curves([Shown("a", [group]), Shown("b", [Trained((1.0, None))])], "Figure 5")
    assert found["training"] == {"a": [2.5, 1.0], "b": [1.0]}
    assert found["validation"] == {"a": [3.5, 2.0], "b": [None]}
    both = charts({"curves": found, "plot": None, "title": "here"})
    assert [chart.title for chart in both] == [
        "Figure 5, training loss, here",
        "Figure 5, validation loss, here",
    ]
    assert both[0].lines["a"] == [(1, 2.5, 0.0), (2, 1.0, 0.0)]
    assert set(both[1].lines) == {"a"}
    drawn = _chart(both[0])["svg"]
    assert drawn.count("<path") + drawn.count("<circle") == 2 and ">b<" in drawn


def test_accuracy_against_what_rows_differ_in():
    rows = {
        "at 10": Shown("at 10", right=[1, 1, 0, 0]),
        "at 50": Shown("at 50", right=[[1, 1, 1, 1], [1, 1, 1, 0]]),
    }
    plot = Plot("Figure 7", "place", {"a": ((10, "at 10"), (50, "at 50"), (90, "none")), "b": ()})
    found = figures.plotted(plot, rows)
    assert found["lines"] == {
        "a": [[10, 50.0, pytest.approx(25.0)], [50, 87.5, pytest.approx(10.825, abs=1e-3)]]
    }
    (chart,) = charts({"curves": None, "plot": found, "title": "here"})
    assert chart.axes == ("place", "top-1, per cent") and "whisker" in _chart(chart)["svg"]
    assert figures.plotted(plot, {}) is None


def test_classes_that_fall_and_the_hardest(monkeypatch):
    names = tuple("abcdefghi")
    base = np.diag([9, 8, 7, 6, 5, 4, 3, 2, 0])
    base[:, 0] += 10 - base.sum(1)
    base[8] = 0
    other = base.copy()
    other[1, 1], other[1, 0] = 5, 5
    other[7, 7], other[7, 0] = 6, 4
    other[2, 2], other[2, 0] = 6, 4
    counts = {"base": base, "row": other}
    monkeypatch.setattr(figures, "confusion_of", lambda runs: (counts[runs[0]], names))
    rows = {name: Shown(name, [name]) for name in counts}
    found = figures.by_class(ByClass("Figure 9", "base", "row"), rows)
    assert found["fallen"] == [["b", 10, 80.0, 50.0], ["c", 10, 70.0, 60.0]]
    # The ninth class has no clips.
    assert [name for name, *_ in found["hardest"]] == ["h", "g", "f", "e", "d", "c"]
    assert found["hardest"][0] == ["h", 10, 20.0, 60.0]
    fallen, hardest = by_class({"by_class": found})
    assert fallen.rows[0] == ["b", "10", "80.0", "50.0", "-30.0"]
    assert "hardest" in hardest.head[0] and by_class({"by_class": None}) == []


def test_matrices_are_summed_over_the_protocols_of_a_data_set():
    def place(dataset, count):
        one = {"figure": "Figure 8", "row": "a", "classes": ["x"], "counts": [[count]], "seeds": 1}
        return {"dataset": dataset, "confusions": [one]}

    found = figures.summed([place("sysu", 3), place("sysu", 4), place("ntu60", 5)])
    assert [(one["dataset"], one["counts"], one["protocols"]) for one in found] == [
        ("sysu", [[7]], 2)
    ]
    (picture,) = summed_pictures({"summed": found})
    assert picture.title == "Figure 8, sysu, sum over 2 protocols"


def test_only_what_is_measured_elsewhere_compares_orders():
    nothing = {"skipped": {}, "rows": {}, "confusions": [], "curves": None, "plot": None}
    nothing["by_class"] = None
    document = {
        **{"kind": "table", "paper": {"citation": "Somebody, 2020"}, "budget": "gpu"},
        **{"schedule": "in full", "seeds": [0], "own": {}, "notes": [], "resamples": 10},
        **{"columns": [{"label": "NTU CS", "measure": "top1"}], "rows": [], "base": ""},
        "places": [
            {"title": "ntu60 cross_subject", "same": True, "note": "302 left out", **nothing},
            {"title": "utd_mhad cross_subject", "same": False, "note": "431 train", **nothing},
        ],
        "summed": [],
    }
    about = " ".join(content(document)[0].paragraphs)
    assert "Measured on utd_mhad cross_subject, where the paper has NTU CS: compare" in about
    # Which of the published counts it is.
    assert [block.paragraphs for block in content(document)[1:]] == [
        ["The protocol: 302 left out."],
        [],
    ]
    document["places"][1]["same"] = True
    assert "compare the order" not in " ".join(content(document)[0].paragraphs)
