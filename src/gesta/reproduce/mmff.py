"""MMFF: the paper, Zhu et al., ACM TOMM 2022, and what it claims."""

from __future__ import annotations

from gesta.reproduce.cross_attention_tables import CONCAT, CROSS
from gesta.reproduce.cross_attention_tables import TABLE_6 as SCENES
from gesta.reproduce.mmff_arithmetic import ARITHMETIC
from gesta.reproduce.mmff_tables import (
    BACKBONES,
    BI_LSTM,
    FIGURE_7,
    MMFF_ST_GCN,
    ST_GCN,
    ST_GCN_AUGMENTED,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    TABLE_5,
    TABLE_6,
    TABLE_7,
    XCEPTION,
    XCEPTION_CROPPED,
    at_position,
)
from gesta.reproduce.paper import (
    Inside,
    Ordering,
    Pair,
    Paper,
    Shuffled,
    alike,
)


def _attention(title: str) -> tuple[Pair, ...]:
    whole = f"{title}: MMFF"
    without = (f"{whole} w/o Skeleton-Attention", f"{whole} w/o Self-Attention")
    return tuple(Pair(whole, one) for one in without)


CLAIMS = (
    Ordering(
        "the skeleton with one frame is better than either alone",
        "section 4.4, Tables 5 and 6",
        (Pair(MMFF_ST_GCN, ST_GCN_AUGMENTED), Pair(MMFF_ST_GCN, XCEPTION_CROPPED)),
        need="rgb",
    ),
    Ordering(
        "self-attention and skeleton attention each help",
        "sections 4.4.4 and 4.4.5, Table 6",
        tuple(pair for title in BACKBONES for pair in _attention(title)),
        need="rgb",
    ),
    Ordering(
        "skeleton attention matters more than self-attention",
        "section 4.4.5, Table 6",
        tuple(
            Pair(f"{title}: MMFF w/o Self-Attention", f"{title}: MMFF w/o Skeleton-Attention")
            for title in BACKBONES
        ),
        need="rgb",
    ),
    Ordering(
        "the projection crop helps, Xception alone and MMFF",
        "section 4.4.3, Table 5",
        (Pair(XCEPTION_CROPPED, XCEPTION), Pair(MMFF_ST_GCN, "MMFF w/o Projection Crop")),
        need="rgb",
    ),
    Ordering(
        "augmentation of the skeleton helps, ST-GCN alone and MMFF",
        "section 4.4.3, Table 5",
        (Pair(ST_GCN_AUGMENTED, ST_GCN), Pair(MMFF_ST_GCN, "MMFF w/o Data Augmentation")),
        need="rgb",
        note="Of equations 4 to 8; what else a recipe for a small set does to poses stays.",
    ),
    alike(
        "frames between 30 and 70 % of a clip do alike",
        "section 4.4.1, Figure 7",
        tuple(at_position("ST-GCN", percent) for percent in (50, 30, 70)),
        2.0,
    ),
    Ordering(
        "several frames are better than one, slightly",
        "section 4.4.2, Table 4",
        (Pair("3 frames", "1 frame"), Pair("5 frames", "1 frame")),
        need="rgb",
    ),
    Ordering(
        "late fusion is better than decision fusion and than the sum of features",
        "section 4.4.6, Table 6",
        (
            Pair("Bi-LSTM: MMFF", "Bi-LSTM: MMFF-Decision Fusion"),
            Pair("Bi-LSTM: MMFF", "Bi-LSTM: MMFF-Sum Fusion"),
            Pair("ST-GCN: MMFF", "ST-GCN: MMFF-Decision Fusion"),
        ),
        shown=(Pair("Bi-LSTM: MMFF-Decision Fusion", "Bi-LSTM: MMFF-Sum Fusion"),),
        need="rgb",
        note="Of decision fusion and the sum the paper has the one better on SYSU and the other on "
        "NTU; their difference is shown and not judged.",
    ),
    Ordering(
        "of the recurrent networks three layers of Bi-LSTM are best",
        "section 4.4.8, Table 7",
        (
            Pair(BI_LSTM, "double Bi-LSTM"),
            Pair(BI_LSTM, "triple Bi-GRU"),
            Pair(BI_LSTM, "triple LSTM"),
        ),
    ),
    Ordering(
        "the skeleton with one frame comes close to the skeleton with a video",
        "sections 1 and 4.3.1",
        (Pair(MMFF_ST_GCN, CONCAT, -2.0), Pair(MMFF_ST_GCN, CROSS, -2.0)),
        need="rgb",
        note="Close: not worse by more than two points. The video goes through the networks of the "
        "cross-attention paper, each model by its own recipe.",
    ),
    Shuffled(
        "MMFF uses the frame: that of another clip is worse",
        "not in the paper: a control",
        MMFF_ST_GCN,
        ("Bi-LSTM: MMFF", CONCAT, CROSS),
        note="Each test clip is given the RGB or the context of another test clip, its poses stay.",
    ),
    Inside(
        "self-attention lies on the persons rather than on the background",
        "section 3.4, Figure 10",
        MMFF_ST_GCN,
        "by_itself",
        note="The box is that around the joints in the picture; the share of an attention that "
        "looks everywhere alike is the share of the area. The mean of both branches.",
    ),
)


_WITH_VIDEO = tuple(row for row in SCENES.rows if row.name in (CONCAT, CROSS))
MMFF = Paper(
    "mmff",
    "MMFF",
    "Zhu, Zhu, Wang, Wen, Yan, Liu: Skeleton Sequence and RGB Frame Based Multi-Modality Feature "
    "Fusion Network for Action Recognition. ACM TOMM, 2022",
    ("ntu60", "sysu"),
    (TABLE_2, TABLE_3, TABLE_4, TABLE_5, TABLE_6, TABLE_7, FIGURE_7),
    (*TABLE_4.rows, *TABLE_5.rows, *TABLE_6.rows, *TABLE_7.rows, *FIGURE_7.rows, *_WITH_VIDEO),
    CLAIMS,
    ARITHMETIC,
)
