"""Tables 2 to 7 and Figure 7 of Zhu et al., ACM TOMM 2022 (MMFF)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gesta.reproduce.paper import ByClass, Column, Plot, Row, Table, Values
from gesta.training.recipe import merge

NTU = (Column("NTU CS", "ntu60", "cross_subject"), Column("NTU CV", "ntu60", "cross_view"))
SYSU = (
    Column("SYSU Setting-1", "sysu", "setting_1"),
    Column("SYSU Setting-2", "sysu", "setting_2"),
)
Changes = Mapping[str, Mapping[str, Any]]
Cost = tuple[float | None, float | None]

# Equations 4 to 8, and their absence.
AUGMENTED: Changes = {"augment": {"turn": (0.0, 30.0), "stretch": (1.0, 1.2)}}
PLAIN: Changes = {"augment": {"turn": (0.0, 0.0), "stretch": (1.0, 1.0)}}
# Around the projected joints, and anywhere: a square of 224 of NTU's 1080 pixels is too small to
# show a person, so that what is cut is taken to be of the frame scaled to 256.
CROPPED: Changes = {"video": {"crop": "projection"}}
UNCROPPED: Changes = {"video": {"crop": "random", "scales": (224 / 256,)}}
# All of a clip, so that a share of its length is the same place in training as in test.
WHOLE: Changes = {"augment": {"crop": (1.0, 1.0)}}

ST_GCN, ST_GCN_AUGMENTED = "ST-GCN", "ST-GCN w/ Data Augmentation"
XCEPTION, XCEPTION_CROPPED = "Xception", "Xception w/ Projection Crop"
BI_LSTM = "triple Bi-LSTM"
MMFF_ST_GCN, MMFF_BI_LSTM = "MMFF w/ ST-GCN", "MMFF w/ Bi-LSTM"
BACKBONES = ("Bi-LSTM", "ST-GCN")
POSITIONS = (10, 20, 30, 40, 50, 60, 70, 80, 90)


def _joined(*changes: Changes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in changes:
        found = merge(found, one)
    return found


def _quoted(name: str, *paper: float | None, cost: Cost = (None, None)) -> Row:
    return Row(name, paper, cost=cost)


def _backbone(skeleton: str) -> Changes:
    """MMFF's recipe is for ST-GCN; another skeleton stream has options of its own."""
    return {} if skeleton == "st_gcn" else {"model": {"skeleton": skeleton, "skeleton_options": ()}}


def _skeleton(name: str, paper: Values, skeleton: str, *, augmented: bool) -> Row:
    """MMFF's skeleton stream alone."""
    changes = _joined(_backbone(skeleton), AUGMENTED if augmented else PLAIN)
    own = "" if skeleton == "st_gcn" else skeleton
    return Row(name, paper, "mmff", changes, stream="skeleton", input_of=own)


def _frame(name: str, paper: Values, *, cropped: bool) -> Row:
    """MMFF's stream of one frame alone; of poses it takes no notice, nor of their augmentation."""
    changes = _joined(AUGMENTED, CROPPED if cropped else UNCROPPED)
    return Row(name, paper, "mmff", changes, sees_rgb=True, stream="rgb")


def _streams(skeleton: str, augmented: bool, cropped: bool) -> dict[str, Row]:
    """What the streams of MMFF start from: networks that are trained once for all rows.

    The one of the frame looks at the middle of a clip, whatever the row looks at.
    """
    return {
        "skeleton": _skeleton(f"{skeleton} stream", (), skeleton, augmented=augmented),
        "rgb": _frame("RGB stream", (), cropped=cropped),
    }


def mmff(
    name: str,
    paper: Values,
    skeleton: str = "st_gcn",
    *,
    augmented: bool = True,
    cropped: bool = True,
    position: tuple[float, ...] = (0.5,),
    base: str = "",
    cost: Cost = (None, None),
    **options: Any,  # noqa: ANN401 - of the model
) -> Row:
    """A row of MMFF: fused of two streams that were trained alone before.

    Args:
        name, paper, base, cost: as in `Row`.
        skeleton: the skeleton stream.
        augmented: whether poses are augmented.
        cropped: whether frames are cut around the projected joints.
        position: where in a clip the frames are, as shares.
        options: of the model.
    """
    changes = _joined(
        _backbone(skeleton),
        {"model": {"image_frames": len(position), **options}, "video": {"position": position}},
        AUGMENTED if augmented else PLAIN,
        CROPPED if cropped else UNCROPPED,
    )
    return Row(
        name,
        paper,
        "mmff",
        changes,
        base,
        sees_rgb=True,
        starts=_streams(skeleton, augmented, cropped),
        input_of="" if skeleton == "st_gcn" else skeleton,
        cost=cost,
    )


_STREAMS = (
    "ST-GCN and Xception alone are MMFF's own streams, trained as they are before they are fused."
)
_OURS = (
    "Types: S skeleton, R RGB, S+R both. The paper's parameters and multiply-adds stand in "
    "brackets; ours are counted from the shapes of convolutions and linear layers."
)
MMFF_COSTS: dict[str, Cost] = {MMFF_BI_LSTM: (27.4, 15.3), MMFF_ST_GCN: (29.1, 24.5)}

TABLE_2 = Table(
    "table-2",
    "MMFF beside methods of its time on NTU RGB+D 60",
    NTU,
    (
        _quoted("VA-LSTM (2017), S", 79.4, 87.6),
        _quoted("D-Pose Traversal Conv (2018), S", 76.8, 84.9),
        _quoted("DPRL+GCNN (2018), S", 83.5, 89.8),
        _quoted("ST-GCN (2018), S", 81.5, 88.3, cost=(3.1, 16.2)),
        _quoted("EleAtt-GRU (2019), S", 80.7, 88.4, cost=(0.3, 6.7)),
        _quoted("DGNN (2019), S", 89.9, 96.1),
        _quoted("MS-G3D Net (2020), S", 91.5, 96.2, cost=(3.2, 48.8)),
        _quoted("SGN (2020), S", 89.0, 94.5, cost=(1.2, 0.8)),
        _quoted("Inflated ResNet50 (2018), R", 86.6, 93.2, cost=(46.8, 168.0)),
        _quoted("2D/3D Multitask (2018), S+R", 85.5, None, cost=(12.1, 107.9)),
        _quoted("2 Stream RNN/CNN (2018), S+R", 83.7, 93.7, cost=(80.2, 38.6)),
        _quoted("Deep-Bilinear (2018), S+R", 83.0, 87.1),
        _quoted("Posemap (2018), S+R", 91.7, 95.2),
        _quoted("MFAS (2019), S+R", 90.0, None, cost=(51.2, 219.8)),
        _quoted("SGM-Net (2020), S+R", 88.9, 95.7, cost=(71.6, 169.2)),
        _quoted("MMTM (2020), S+R", 91.9, None, cost=(49.4, 215.5)),
        _quoted("JOLO-GCN (2021), S+R", 90.4, 95.8, cost=(6.2, 20.2)),
        mmff(MMFF_BI_LSTM, (85.4, 91.6), "bi_lstm", cost=MMFF_COSTS[MMFF_BI_LSTM]),
        mmff(MMFF_ST_GCN, (89.6, 96.3), cost=MMFF_COSTS[MMFF_ST_GCN]),
    ),
    MMFF_ST_GCN,
    notes=(_OURS,),
)
TABLE_3 = Table(
    "table-3",
    "MMFF beside methods of its time on SYSU",
    SYSU,
    (
        _quoted("VA-LSTM (2017), S", 76.9, 77.5),
        _quoted("DPRL+GCNN (2018), S", 76.9, None),
        _quoted("Local+LGN (2019), S", 83.1, None),
        _quoted("EleAtt-GRU (2019), S", 85.7, 85.7, cost=(0.3, 6.7)),
        _quoted("LSGM+GTSC (2020), S", None, 85.8),
        _quoted("SGN (2020), S", 81.6, 83.0, cost=(1.2, 0.8)),
        _quoted("MTDA (2011), S+R", 79.2, 84.5, cost=(46.6, 202.9)),
        _quoted("JOULE (2017), S+R", 79.6, 84.9, cost=(47.4, 203.8)),
        _quoted("Deep-Bilinear (2018), S+R", 81.5, 86.2),
        _quoted("PI3D (2021), S+R", None, 85.8),
        mmff(MMFF_BI_LSTM, (80.9, 82.6), "bi_lstm", cost=MMFF_COSTS[MMFF_BI_LSTM]),
        mmff(MMFF_ST_GCN, (85.3, 87.1), cost=MMFF_COSTS[MMFF_ST_GCN]),
    ),
    MMFF_ST_GCN,
    notes=(_OURS,),
)
TABLE_4 = Table(
    "table-4",
    "How many frames are looked at, with MMFF w/ ST-GCN",
    NTU,
    (
        mmff("1 frame", (89.6, 96.3), cost=(29.1, None)),
        mmff("3 frames", (90.1, 96.6), position=(0.3, 0.5, 0.7), cost=(90.1, None)),
        mmff("5 frames", (90.3, 96.3), position=(0.3, 0.4, 0.5, 0.6, 0.7), cost=(134.9, None)),
    ),
    "1 frame",
    notes=("Each frame has a network of its own, as the paper's counts of parameters mean.",),
)
TABLE_5 = Table(
    "table-5",
    "Augmentation of the skeleton and crop of the frame",
    (*NTU, *SYSU),
    (
        _skeleton(ST_GCN, (81.5, 88.3, 78.6, 79.8), "st_gcn", augmented=False),
        _skeleton(ST_GCN_AUGMENTED, (82.3, 89.6, 80.4, 81.2), "st_gcn", augmented=True),
        _frame(XCEPTION, (49.9, 50.2, 52.2, 55.4), cropped=False),
        _frame(XCEPTION_CROPPED, (65.4, 70.8, 62.4, 65.7), cropped=True),
        _quoted("MFAS", 90.0, 93.2, None, None),
        _quoted("MFAS w/ Data Augmentation", 90.8, 94.7, None, None),
        mmff(
            "MMFF w/o Data Enhancement",
            (83.0, 90.8, 80.6, 81.4),
            augmented=False,
            cropped=False,
        ),
        mmff("MMFF w/o Data Augmentation", (88.9, 95.2, 83.7, 85.1), augmented=False),
        mmff("MMFF w/o Projection Crop", (85.3, 93.4, 84.3, 85.6), cropped=False),
        mmff(MMFF_ST_GCN, (89.6, 96.3, 85.3, 87.1)),
    ),
    MMFF_ST_GCN,
    notes=(_STREAMS,),
)
BASE_BI_LSTM, BASE_ST_GCN = "Bi-LSTM: Baseline", "ST-GCN: Baseline"


def _ablation(skeleton: str, title: str, *paper: Values) -> tuple[Row, ...]:
    """The rows of Table 6 that both backbones have: without either attention, and decisions."""
    base = f"{title}: Baseline"
    without: tuple[dict[str, Any], ...] = (
        {"skeleton_attention": False},
        {"self_attention": False},
    )
    names = (f"{title}: MMFF w/o Skeleton-Attention", f"{title}: MMFF w/o Self-Attention")
    rows = [
        mmff(name, numbers, skeleton, base=base, **options)
        for name, numbers, options in zip(names, paper[:2], without, strict=True)
    ]
    decision = f"{title}: MMFF-Decision Fusion"
    return (*rows, mmff(decision, paper[2], skeleton, base=base, fusion="decision"))


TABLE_6 = Table(
    "table-6",
    "Attention and ways of fusion, with both backbones",
    (*NTU, *SYSU),
    (
        _skeleton(BASE_BI_LSTM, (72.3, 79.4, 72.3, 72.8), "bi_lstm", augmented=False),
        *_ablation(
            "bi_lstm",
            "Bi-LSTM",
            (80.3, 85.5, 75.7, 77.5),
            (81.2, 87.4, 77.3, 78.4),
            (81.0, 86.9, 90.3, 81.2),
        ),
        mmff(
            "Bi-LSTM: MMFF-Sum Fusion",
            (83.0, 89.9, 80.3, 80.9),
            "bi_lstm",
            base=BASE_BI_LSTM,
            fusion="sum",
        ),
        mmff("Bi-LSTM: MMFF", (85.4, 91.6, 80.9, 82.6), "bi_lstm", base=BASE_BI_LSTM),
        _skeleton(BASE_ST_GCN, (81.5, 88.3, 78.6, 79.8), "st_gcn", augmented=False),
        *_ablation(
            "st_gcn",
            "ST-GCN",
            (84.2, 92.5, 82.0, 83.3),
            (86.4, 94.1, 82.2, 84.6),
            (87.2, 94.4, 84.5, 85.1),
        ),
        mmff("ST-GCN: MMFF", (89.6, 96.3, 85.3, 87.1)),
    ),
    BASE_ST_GCN,
    confusions=((BASE_BI_LSTM, "Figure 8 (a)"), ("Bi-LSTM: MMFF", "Figure 8 (b)")),
    by_class=ByClass("Figure 9", BASE_ST_GCN, "ST-GCN: MMFF"),
    notes=(
        "A baseline is the skeleton stream alone, without augmentation, whose numbers Tables 5 and "
        "7 have too. In decision fusion each stream learns on alone, as long as the others fuse, "
        "and their probabilities are summed by a weight that is chosen on validation.",
    ),
)


def _recurrent() -> tuple[Row, ...]:
    paper: dict[str, tuple[Values, Values, Values]] = {
        "Bi-GRU": ((66.9, 73.8, 70.7, 71.1), (69.8, 77.6, 71.6, 72.0), (72.1, 78.9, 72.1, 72.6)),
        "LSTM": ((64.6, 70.2, 62.1, 63.2), (66.8, 72.1, 64.9, 65.8), (67.0, 72.1, 64.9, 65.8)),
        "Bi-LSTM": ((67.7, 73.7, 69.3, 70.9), (70.6, 76.5, 71.9, 72.4), (72.3, 79.4, 72.3, 72.8)),
    }
    names = {"Bi-GRU": "bi_gru", "LSTM": "lstm", "Bi-LSTM": "bi_lstm"}
    return tuple(
        Row(f"{many} {title}", numbers, names[title], {"model": {"layers": layers}})
        for title, rows in paper.items()
        for layers, (many, numbers) in enumerate(
            zip(("single", "double", "triple"), rows, strict=True), 1
        )
    )


TABLE_7 = Table(
    "table-7",
    "Recurrent networks of the skeleton alone",
    (*NTU, *SYSU),
    _recurrent(),
    BI_LSTM,
    notes=("The paper's title speaks of MMFF, but its numbers are those of Table 6's baseline.",),
)


def at_position(title: str, percent: int) -> str:
    """The name of the row of Figure 7 that looks at a frame at so many per cent of a clip."""
    return f"MMFF w/ {title}, frame at {percent} %"


def _placed(title: str, skeleton: str, percent: int) -> Row:
    """A row of Figure 7."""
    name, base = at_position(title, percent), at_position(title, 50)
    row = mmff(name, (None,), skeleton, position=(percent / 100,), base=base)
    return replace(row, changes=_joined(row.changes, WHOLE))


FIGURE_7 = Table(
    "figure-7",
    "Where in a clip the frame is taken",
    (Column("shown as curves only", "", ""),),
    tuple(
        _placed(title, skeleton, percent)
        for title, skeleton in (("ST-GCN", "st_gcn"), ("Bi-LSTM", "bi_lstm"))
        for percent in POSITIONS
    ),
    at_position("ST-GCN", 50),
    plot=Plot(
        "Figure 7",
        "place of the frame, per cent of the clip",
        {
            title: tuple((float(at), at_position(title, at)) for at in POSITIONS)
            for title in ("ST-GCN", "Bi-LSTM")
        },
    ),
    notes=(
        "The streams that all rows start from see the frame in the middle; what is fused sees, in "
        "training and in test, the frame at the row's place.",
    ),
)
