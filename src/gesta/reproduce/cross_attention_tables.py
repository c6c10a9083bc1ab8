"""Tables 3 to 10 of Fan et al., IEEE Access 2020, and one that the paper has not."""

from __future__ import annotations

from typing import Any

from gesta.reproduce.paper import Column, Row, Table, Values

MOTION = (
    Column("Kinetics-Motion top-1", "kinetics_motion", "official"),
    Column("Kinetics-Motion top-5", "kinetics_motion", "official", "top5"),
)
KINETICS = (
    Column("Kinetics top-1", "kinetics", "official"),
    Column("Kinetics top-5", "kinetics", "official", "top5"),
)
NTU = (Column("NTU CS", "ntu60", "cross_subject"), Column("NTU CV", "ntu60", "cross_view"))

BASELINE, SELF = "Baseline", "Self-Attention"
DOT, ONE, TWO = "Dot-Product", "One-layer MLP", "Two-layer MLP"
SELF_ONLY, CROSS_ONLY = "Self-only", "Cross-only"
MULTIPLICATION, AVERAGE = "Multiplication", "Average"
RGB, SKELETON = "RGB-only", "Skeleton-only (ST-GCN)"
CONCAT, CROSS = "RGB+Skeleton (concat)", "RGB+Skeleton (cross-attention)"
DOT_MAX = "Dot-Product, maximum over the context"
_PLACES = {"gc0": (0,), "gc3": (3,), "gc6": (6,), "gc8": (8,), "gc3+gc6": (3, 6)}


def _row(name: str, paper: Values, *, rgb: bool = True, **options: Any) -> Row:  # noqa: ANN401
    """A row of the paper's own network; `options` are of the model."""
    given = {"variant": "cross_attention", **options}
    return Row(name, paper, "cross_attention", {"model": given}, sees_rgb=rgb)


def _baseline(name: str, *paper: float) -> Row:
    return _row(name, paper, rgb=False, variant="skeleton_only")


def _self(name: str, *paper: float) -> Row:
    return _row(name, paper, rgb=False, combine="self_only")


def _quoted(name: str, *paper: float) -> Row:
    return Row(name, paper)


def _variants(*paper: Values) -> tuple[Row, ...]:
    """The rows of Tables 6, 7 and 9: the scene alone, the skeleton alone, and both."""
    scene, skeleton, concat, cross = paper
    return (
        _row(RGB, scene, variant="rgb_only"),
        _row(SKELETON, skeleton, rgb=False, variant="skeleton_only"),
        _row(CONCAT, concat, variant="concat"),
        _row(CROSS, cross),
    )


_LAYERS = (
    "Tables 1 and 2 are the networks themselves: `gesta models cross_attention --layers` shows "
    "each layer with its kernel and the size of its output."
)
_ST_GCN = "ST-GCN is trained here too, by its own recipe in gesta, which is not the paper's."
CURVES = "Figure 5"

TABLE_3 = Table(
    "table-3",
    "The forms of cross-attention",
    MOTION,
    (
        _baseline(BASELINE, 81.22, 95.42),
        _self(SELF, 82.34, 95.32),
        _row(DOT, (84.05, 96.77), form="dot"),
        _row(ONE, (87.35, 98.12), form="mlp1"),
        _row(TWO, (88.16, 98.59), form="mlp2"),
    ),
    BASELINE,
    curves=CURVES,
    notes=(_LAYERS,),
)
TABLE_4 = Table(
    "table-4",
    "How self-attention and cross-attention are joined",
    MOTION,
    (
        _baseline(BASELINE, 81.22, 95.42),
        _self(SELF_ONLY, 82.34, 95.32),
        _row(CROSS_ONLY, (87.82, 98.45), combine="cross_only"),
        _row(MULTIPLICATION, (87.95, 97.98), combine="multiplication"),
        _row(AVERAGE, (88.16, 98.59), combine="average"),
    ),
    BASELINE,
)
TABLE_5 = Table(
    "table-5",
    "After which blocks cross-attention stands",
    MOTION,
    (
        _baseline(BASELINE, 81.22, 95.42),
        _row("gc0", (87.69, 98.05), places=_PLACES["gc0"]),
        _row("gc3", (87.95, 98.18), places=_PLACES["gc3"]),
        _row("gc6", (88.16, 98.59), places=_PLACES["gc6"]),
        _row("gc8", (84.05, 96.84), places=_PLACES["gc8"]),
        _row("gc3+gc6", (88.49, 98.05), places=_PLACES["gc3+gc6"]),
    ),
    BASELINE,
)
TABLE_6 = Table(
    "table-6",
    "The scene alone, the skeleton alone, and both",
    MOTION,
    _variants((82.77, 96.36), (81.22, 95.42), (86.00, 97.51), (88.16, 98.59)),
    SKELETON,
    curves=CURVES,
)
TABLE_7 = Table(
    "table-7",
    "The scene alone, the skeleton alone, and both, on NTU RGB+D 60",
    NTU,
    _variants((76.30, 79.71), (80.05, 83.26), (81.54, 84.61), (84.23, 89.27)),
    SKELETON,
)
TABLE_8 = Table(
    "table-8",
    "Cross-attention beside methods of its time on NTU RGB+D 60",
    NTU,
    (
        _quoted("Deep LSTM (2016)", 60.7, 67.3),
        _quoted("GCA-LSTM (2017)", 74.4, 82.8),
        _quoted("TCN (2017)", 74.3, 83.1),
        Row("ST-GCN (2018)", (81.5, 88.3), "st_gcn"),
        _quoted("TSSI + SSAN + GLAN (2018)", 82.4, 89.1),
        _row("Cross-Attention", (84.2, 89.3)),
    ),
    "Cross-Attention",
    notes=(_ST_GCN,),
)
TABLE_9 = Table(
    "table-9",
    "The scene alone, the skeleton alone, and both, on Kinetics",
    KINETICS,
    _variants((32.95, 59.85), (25.50, 46.20), (38.43, 64.98), (39.90, 66.70)),
    SKELETON,
)
TABLE_10 = Table(
    "table-10",
    "Cross-attention beside methods of its time on Kinetics",
    KINETICS,
    (
        _quoted("Feature Enc. (2015)", 14.9, 25.8),
        _quoted("Deep LSTM (2016)", 16.4, 35.3),
        _quoted("TCN (2017)", 20.3, 40.0),
        Row("ST-GCN (2018)", (30.7, 52.8), "st_gcn"),
        _row("Cross-Attention", (39.9, 66.7)),
    ),
    "Cross-Attention",
    notes=(_ST_GCN,),
)
_NOTHING: Values = (None,)
CONTEXT = Table(
    "context",
    "What is made of the context vectors of a frame; not in the paper",
    (Column("not in the paper", "", ""),),
    (
        _row(DOT, _NOTHING, form="dot"),
        _row(DOT_MAX, _NOTHING, form="dot", pool="max"),
        _row(
            "Dot-Product, divided by the root of its length", _NOTHING, form="dot", dot_scale=True
        ),
        _row(TWO, _NOTHING, form="mlp2"),
        _row("Two-layer MLP, maximum over the context", _NOTHING, form="mlp2", pool="max"),
        _row("Two-layer MLP, one vector a frame", _NOTHING, form="mlp2", context_grid=1),
    ),
    TWO,
    notes=(
        "The paper tells that average and maximum over the context do alike, and gives no numbers.",
        "Scaled: divided by the square root of the embeddings' length.",
        "With stored context (--context) a frame has as many vectors as the file has, and the row "
        "of one vector a frame is trained like the other; where the file has one, so is the "
        "maximum.",
    ),
)
