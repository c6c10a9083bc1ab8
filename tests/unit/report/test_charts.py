"""Charts and matrices: well-formed, complete, and right where numbers can be checked."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.errors import ShapeError
from gesta.report.charts import (
    Series,
    line_chart,
    nice_axis,
    reliability,
    reliability_diagram,
    signed_bars,
)
from gesta.report.confusion import confusion_picture, worst_pairs, worst_part
from gesta.report.headline import duration, facts, large, wilson
from gesta.report.heat import heat_table

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, max_size=20), st.booleans())
def test_axes_hold_their_values_between_round_marks(values, zero):
    axis = nice_axis(values, zero=zero)
    assert axis.low < axis.high and 2 <= len(axis.ticks) <= 12
    slack = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - slack <= value <= axis.high + slack for value in values)
    if zero:
        assert axis.low <= 0 <= axis.high


def test_axes_of_nothing_and_of_what_is_not_finite():
    assert nice_axis([]).low < nice_axis([]).high
    axis = nice_axis([math.nan, math.inf, 3.0, 5.0])
    assert (axis.low, axis.high) == (3.0, 5.0)


def test_lines_are_drawn_where_they_are_finite(read_svg):
    line = Series("train & <b>", [0, 1, 2, 3], [1.0, math.nan, 3.0, math.inf])
    chart = line_chart("Loss", [line], x_title="epoch")
    (path,) = read_svg(chart, "path")
    assert path.get("d").count("L") == 1
    assert "train & <b>" in [text.text for text in read_svg(chart, "text")]


@pytest.mark.parametrize("points", [[], [1.0]])
def test_charts_of_no_and_one_epoch(read_svg, points):
    epochs = list(range(len(points)))
    chart = line_chart("Loss", [Series("train", epochs, points)], x_title="epoch")
    assert len(read_svg(chart, "circle")) == len(points)


def test_names_at_line_ends_do_not_overlap(read_svg):
    lines = [Series(name, [0, 1], [1.0, 1.0]) for name in ("one", "two", "three")]
    chart = line_chart("Same", lines, x_title="x")
    places = [float(t.get("y")) for t in read_svg(chart, "text") if t.text in "one two three"]
    assert min(np.diff(sorted(places))) >= 12


def log_probs(best, classes=4):
    rest = (1 - np.asarray(best)) / (classes - 1)
    shares = np.repeat(rest[:, None], classes, axis=1)
    shares[:, 0] = best
    return np.log(shares).astype(np.float32)


def test_reliability_counts_every_clip_once():
    found = reliability(log_probs([0.95, 0.94, 0.5]), np.array([0, 1, 0]), bins=10)
    assert found.clips.sum() == 3 and found.clips[9] == 2
    assert found.accuracy[9] == 0.5
    assert found.confidence[9] == pytest.approx(0.945, abs=1e-4)
    assert np.isnan(found.accuracy[0])


def test_the_reliability_diagram_has_a_bar_for_each_bin_that_has_clips(read_svg):
    found = reliability(log_probs([0.95, 0.3, 0.5]), np.array([0, 1, 0]))
    titles = [t.text for t in read_svg(reliability_diagram(found), "title")]
    assert len(titles) == 3 and titles[-1].startswith("1 clips: mean confidence 95.0 %")


def test_the_matrix_tells_counts_and_shares(read_svg):
    counts = np.array([[3, 1], [0, 2]])
    table = worst_part(counts, ["a<b>", "c&d"])
    titles = [t.text for t in read_svg(confusion_picture(table), "title")]
    assert titles == [
        "a<b> \u2192 a<b>: 3 of 4 (75.0 %)",
        "a<b> \u2192 c&d: 1 of 4 (25.0 %)",
        "c&d \u2192 c&d: 2 of 2 (100.0 %)",
    ]


@pytest.mark.parametrize("classes", [1, 10, 27, 60])
def test_every_class_stands_at_both_sides(read_svg, classes):
    names = [f"class {i}" for i in range(classes)]
    picture = confusion_picture(worst_part(np.eye(classes, dtype=np.int64), names))
    texts = [t.text for t in read_svg(picture, "text")]
    assert all(texts.count(name) == 2 for name in names)
    assert float(read_svg(picture).get("width")) <= 1100


def test_of_many_classes_the_worst_are_shown_and_no_clip_is_lost():
    counts = 10 * np.eye(100, dtype=np.int64)
    counts[7, 7], counts[7, 90], counts[7, 8] = 0, 6, 4
    table = worst_part(counts, [f"class {i}" for i in range(100)])
    assert len(table.rows) == 40 and "class 7" in table.rows
    assert table.columns[-1] == "others" and "of 100" in table.note
    row = table.counts[table.rows.index("class 7")]
    assert row.sum() == 10


def test_worst_pairs_are_sorted_by_clips_then_classes():
    counts = np.array([[9, 2, 0], [5, 9, 2], [0, 0, 9]])
    assert worst_pairs(counts, 5) == [(1, 0, 5), (0, 1, 2), (1, 2, 2)]


def test_a_matrix_of_another_size_is_refused():
    with pytest.raises(ShapeError, match="Y=3"):
        worst_part(np.eye(2, dtype=np.int64), ["a", "b", "c"])


def test_bars_stand_on_the_side_of_their_sign(read_svg):
    bars = read_svg(signed_bars(["a", "b"], [1.0, -0.5]), "rect")
    assert [bar.get("class") for bar in bars] == ["bar-for", "bar-against"]
    zero = float(bars[0].get("x"))
    assert float(bars[1].get("x")) + float(bars[1].get("width")) == pytest.approx(zero, abs=0.02)
    assert read_svg(signed_bars([], [])) is not None


def test_heat_shades_by_distance_from_the_middle(read_svg):
    values = np.array([[1.0, 2.0], [0.5, 1.5]])
    picture = heat_table(values, rows=["a", "b"], columns=["1", "2"], middle=1.0, title="block")
    shades = {
        (cell.get("class"), float(cell.get("fill-opacity")))
        for cell in read_svg(picture, "rect")
        if cell.get("fill-opacity")
    }
    assert shades == {("less", 0.0), ("more", 0.6), ("less", 0.3), ("more", 0.3)}


def test_wilson_interval():
    low, high = wilson(8, 10)  # 0.490 to 0.943, as tabulated
    assert (low, high) == (pytest.approx(0.4902, abs=1e-3), pytest.approx(0.9433, abs=1e-3))
    assert wilson(0, 5)[0] == 0 and wilson(5, 5)[1] == 1


def test_numbers_for_people():
    assert [large(v) for v in (950, 3.1e6, 16.2e9)] == ["950", "3.1 M", "16.2 G"]
    assert [duration(v) for v in (4, 600, 36000)] == ["4.0 s", "10.0 min", "10.0 h"]
    assert facts({"model": "m", "seed": [1, 2]}) == [("Model", "m"), ("Seed", "1, 2")]
