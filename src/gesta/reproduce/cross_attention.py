"""Cross-attention ST-GCN: claims and arithmetic of Fan et al., IEEE Access 2020."""

from __future__ import annotations

from typing import Any

import torch

from gesta.models import count, create_model, model_entry
from gesta.reproduce.cross_attention_tables import (
    AVERAGE,
    BASELINE,
    CONCAT,
    CONTEXT,
    CROSS,
    CROSS_ONLY,
    DOT,
    DOT_MAX,
    MULTIPLICATION,
    ONE,
    RGB,
    SELF,
    SELF_ONLY,
    SKELETON,
    TABLE_3,
    TABLE_4,
    TABLE_5,
    TABLE_6,
    TABLE_7,
    TABLE_8,
    TABLE_9,
    TABLE_10,
    TWO,
)
from gesta.reproduce.paper import (
    Arithmetic,
    Finding,
    Ordering,
    Pair,
    Paper,
    Shuffled,
    Table,
    agrees,
    alike,
    points,
)

CLAIMS = (
    Ordering(
        "attention of any form is better than none",
        "section V-C.1, Table 3",
        tuple(Pair(name, BASELINE) for name in (SELF, DOT, ONE, TWO)),
        need="rgb",
    ),
    Ordering(
        "cross-attention of any form is better than self-attention",
        "section V-C.1, Table 3",
        tuple(Pair(name, SELF) for name in (DOT, ONE, TWO)),
        need="rgb",
    ),
    Ordering(
        "two layers are better than one, and one is better than the dot product",
        "section V-C.1, Table 3",
        (Pair(TWO, ONE), Pair(ONE, DOT)),
        need="rgb",
        note="With one layer the context adds the same to all joints of a frame, so that it cannot "
        "rank joints by it.",
    ),
    Ordering(
        "average is better than multiplication, that than cross-attention alone, that than "
        "self-attention alone",
        "section V-C.2, Table 4",
        (
            Pair(AVERAGE, MULTIPLICATION),
            Pair(MULTIPLICATION, CROSS_ONLY),
            Pair(CROSS_ONLY, SELF_ONLY),
        ),
        need="rgb",
    ),
    Ordering(
        "cross-attention is better the later it stands, up to gc6, and falls at gc8",
        "section V-C.3, Table 5",
        (Pair("gc3", "gc0"), Pair("gc6", "gc3"), Pair("gc6", "gc8")),
        need="rgb",
    ),
    Ordering(
        "two places are better than one",
        "section V-C.3, Table 5",
        (Pair("gc3+gc6", "gc6"), Pair("gc3+gc6", "gc3")),
        need="rgb",
    ),
    Ordering(
        "the features of both side by side are better than either alone",
        "section V-C.4, Tables 6, 7 and 9",
        (Pair(CONCAT, SKELETON), Pair(CONCAT, RGB)),
        need="rgb",
    ),
    Ordering(
        "cross-attention is better than the features side by side",
        "section V-C.4, Tables 6, 7 and 9",
        (Pair(CROSS, CONCAT),),
        need="rgb",
    ),
    Ordering(
        "cross-attention is at least as good as either alone",
        "not in the paper, which has it above both",
        (Pair(CROSS, SKELETON, -1.0), Pair(CROSS, RGB, -1.0)),
        need="rgb",
        note="At least as good: not worse by more than one point.",
    ),
    alike(
        "average and maximum over the context vectors do alike",
        "section III-C.1, without numbers",
        (DOT, DOT_MAX),
        2.0,
        need="several_contexts",
    ),
    Shuffled(
        "attention uses the scene: that of another clip is worse",
        "not in the paper: a control",
        CROSS,
        (ONE, DOT, CONCAT, RGB),
        note="Each test clip is given the RGB or the context of another test clip, its poses stay.",
    ),
)


def _better(table: Table, pairs: tuple[tuple[str, str], ...], columns: tuple[int, ...]) -> Finding:
    gaps = {(a, b): [table.gap(a, b, column) for column in columns] for a, b in pairs}
    text = "; ".join(f"{a} minus {b}: {points(values)}" for (a, b), values in gaps.items())
    return agrees(text, all(value > 0 for values in gaps.values() for value in values))


def _poor_rgb() -> Finding:
    columns = (
        ("Kinetics-Motion", TABLE_6, 0),
        ("NTU CS", TABLE_7, 0),
        ("NTU CV", TABLE_7, 1),
        ("Kinetics", TABLE_9, 0),
    )
    gaps = {name: table.gap(RGB, SKELETON, column) for name, table, column in columns}
    text = ", ".join(f"{name} {value:+.2f}" for name, value in gaps.items())
    # A branch that is ahead of what it is to help is not poor.
    poor = all(value < 0 for value in gaps.values())
    return agrees(f"the RGB branch alone minus the skeleton alone, top-1: {text}", poor)


def _gains() -> Finding:
    subject, view = (TABLE_7.gap(CROSS, CONCAT, column) for column in (0, 1))
    stated = {"view": 2.69, "subject": 4.66}
    swapped = (subject, view) == (stated["view"], stated["subject"])
    remark = ": the two are swapped" if swapped else ""
    holds = (view, subject) == (stated["view"], stated["subject"])
    return agrees(f"cross-view {view:.2f}, cross-subject {subject:.2f}{remark}", holds)


def _stated(table: Table, row: str, base: str, stated: tuple[float, ...]) -> Finding:
    gaps = [table.gap(row, base, column) for column in range(len(stated))]
    text = ", ".join(f"{gap:.2f}" for gap in gaps)
    return agrees(text, all(round(a - b, 6) == 0 for a, b in zip(gaps, stated, strict=True)))


def _lightweight() -> Finding:
    def cost(**options: Any) -> float:  # noqa: ANN401 - of the model
        with torch.device("meta"):
            model = create_model("cross_attention", "openpose_18", 400, 3, 16, 2, **options)
        return count(model).multiply_adds / 1e9

    skeleton, whole = cost(variant="skeleton_only"), cost()
    branch = cost(variant="rgb_only")
    share = 100 * branch / (branch + skeleton)
    return agrees(
        f"built here after Tables 1 and 2, the branch takes {branch:.2f} G multiply-adds and the "
        f"skeleton's network {skeleton:.2f} G: {share:.0f} % of both ({whole:.2f} G with "
        "cross-attention); it has few parameters, and most of the compute",
        branch < skeleton,
    )


def _parameters() -> Finding:
    stated = model_entry("cross_attention").stated[0].parameters
    return agrees(
        f"built here after Tables 1 and 2 for 400 classes it has {stated / 1e6:.2f} M",
        round(stated / 1e6, 1) == 8.4,
    )


def _places() -> Finding:
    names = ("gc0", "gc3", "gc6", "gc8", "gc3+gc6")
    first = [TABLE_5.number(name, 0) for name in names]
    five = [TABLE_5.number(name, 1) for name in names]
    rising = first[0] < first[1] < first[2] and first[3] < first[2] and first[4] == max(first)
    text = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, first, strict=True))
    remark = (
        "" if five[4] == max(five) else f"; in top-5 gc3+gc6 is {five[2] - five[4]:.2f} below gc6"
    )
    return agrees(f"{text}{remark}", rising)


ARITHMETIC = (
    Arithmetic(
        "the RGB branch by itself recognises very poorly",
        "section IV-B",
        "Tables 6, 7 and 9",
        _poor_rgb,
    ),
    Arithmetic(
        "the RGB branch is lightweight",
        "section IV-B",
        "Tables 1 and 2",
        _lightweight,
    ),
    Arithmetic("8.4 million parameters", "section V-E", "Tables 1 and 2", _parameters),
    Arithmetic(
        "every form of attention is above the baseline in top-1",
        "section V-C.1",
        "Table 3",
        lambda: _better(TABLE_3, tuple((n, BASELINE) for n in (SELF, DOT, ONE, TWO)), (0,)),
    ),
    Arithmetic(
        "cross-attention alone is above self-attention alone in top-1 and top-5",
        "section V-C.2",
        "Table 4",
        lambda: _better(TABLE_4, ((CROSS_ONLY, SELF_ONLY),), (0, 1)),
    ),
    Arithmetic(
        "rising from gc0 over gc3 to gc6, falling at gc8, and two places the best in top-1",
        "section V-C.3",
        "Table 5",
        _places,
    ),
    Arithmetic(
        "2.16 (top-1) and 1.08 (top-5) above the features side by side on Kinetics-Motion",
        "section V-C.4",
        "Table 6",
        lambda: _stated(TABLE_6, CROSS, CONCAT, (2.16, 1.08)),
    ),
    Arithmetic(
        "on NTU the skeleton alone is 3.75 (CS) and 3.55 (CV) above RGB alone",
        "section V-D",
        "Table 7",
        lambda: _stated(TABLE_7, SKELETON, RGB, (3.75, 3.55)),
    ),
    Arithmetic(
        "2.69 on cross-view and 4.66 on cross-subject above the features side by side",
        "section V-D",
        "Table 7",
        _gains,
    ),
)

CROSS_ATTENTION = Paper(
    "cross_attention",
    "Cross-attention ST-GCN",
    "Fan, Weng, Zhang, Shi, Zhang: Context-Aware Cross-Attention for Skeleton-Based Human Action "
    "Recognition. IEEE Access, 2020",
    ("ntu60", "kinetics", "kinetics_motion"),
    (TABLE_3, TABLE_4, TABLE_5, TABLE_6, TABLE_7, TABLE_8, TABLE_9, TABLE_10, CONTEXT),
    (*TABLE_3.rows, *TABLE_4.rows, *TABLE_5.rows, *TABLE_6.rows, *CONTEXT.rows),
    CLAIMS,
    ARITHMETIC,
)
