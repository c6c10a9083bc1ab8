"""What Zhu et al., ACM TOMM 2022, say of their own numbers, held against these."""

from __future__ import annotations

from gesta.models import model_entry
from gesta.reproduce.mmff_tables import (
    BACKBONES,
    MMFF_BI_LSTM,
    MMFF_COSTS,
    MMFF_ST_GCN,
    ST_GCN,
    ST_GCN_AUGMENTED,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    TABLE_5,
    TABLE_6,
    XCEPTION,
    XCEPTION_CROPPED,
)
from gesta.reproduce.paper import Arithmetic, Finding, Table, agrees, points


def _gap(table: Table, row: str, base: str, *columns: int) -> list[float]:
    return [table.gap(row, base, column) for column in columns]


def _share(row: str, other: str, place: int, table: Table = TABLE_2) -> float:
    """Of the cost of another row, per cent: place 0 is parameters, 1 multiply-adds."""
    own, others = (table.row(name).cost[place] for name in (row, other))
    if own is None or others is None:
        raise ValueError(f"{table.name}: {row} or {other} has no cost")
    return 100 * own / others


def _stated(found: list[float], stated: list[float]) -> bool:
    return [round(value, 1) for value in found] == stated


def _with_costs(row: str, other: str, column: int, stated: list[float], table: Table) -> Finding:
    """Points above another row, and parameters and multiply-adds as shares of its."""
    gap = table.gap(row, other, column)
    shares = [_share(row, other, place, table) for place in (0, 1)]
    text = f"{gap:.1f} above; {shares[0]:.1f} % of the parameters, {shares[1]:.1f} % of the FLOPs"
    return agrees(text, _stated([gap, *shares][: len(stated)], stated))


def _sgm() -> Finding:
    return _with_costs(MMFF_ST_GCN, "SGM-Net (2020), S+R", 0, [0.7, 40.6, 14.5], TABLE_2)


def _ele_att() -> Finding:
    other = "EleAtt-GRU (2019), S"
    gap = TABLE_2.gap(MMFF_BI_LSTM, other, 0)
    more = (MMFF_COSTS[MMFF_BI_LSTM][1] or 0) - (TABLE_2.row(other).cost[1] or 0)
    return agrees(
        f"MMFF w/ Bi-LSTM: {gap:.1f}, {more:.1f} G more", _stated([gap, more], [4.7, 8.6])
    )


def _joule() -> Finding:
    other = "JOULE (2017), S+R"
    gap, share = TABLE_3.gap(MMFF_ST_GCN, other, 1), _share(MMFF_ST_GCN, other, 1, TABLE_3)
    return agrees(f"{gap:.1f}; {share:.1f} % of the FLOPs", _stated([gap, share], [2.2, 12.0]))


def _video_shares() -> Finding:
    shares = [_share(MMFF_ST_GCN, other, 1) for other in ("MMTM (2020), S+R", "MFAS (2019), S+R")]
    return agrees(f"{points(shares)} %", _stated(shares, [11.4, 11.1]))


def _two_stream() -> Finding:
    other = "2 Stream RNN/CNN (2018), S+R"
    shares = {
        name: [_share(name, other, place) for place in (0, 1)]
        for name in (MMFF_BI_LSTM, MMFF_ST_GCN)
    }
    text = "; ".join(f"{name}: {points(values)} %" for name, values in shares.items())
    return agrees(
        f"parameters and multiply-adds: {text}",
        any(_stated(values, [32.6, 63.5]) for values in shares.values()),
    )


def _mmtm() -> Finding:
    shares = [_share(MMFF_ST_GCN, "MMTM (2020), S+R", place) for place in (0, 1)]
    return agrees(f"{points(shares)} %", _stated(shares, [49.6, 11.4]))


def _self_attention() -> Finding:
    gaps = _gap(TABLE_6, "Bi-LSTM: MMFF", "Bi-LSTM: MMFF w/o Self-Attention", 0, 1, 2, 3)
    return agrees(
        f"NTU CS, NTU CV, SYSU 1, SYSU 2 (SYSU has no cross-subject): {points(gaps)}", 1.8 in gaps
    )


def _skeleton_attention(title: str, columns: tuple[int, ...], stated: list[float]) -> Finding:
    without = f"{title}: MMFF w/o Skeleton-Attention"
    alone, base = f"{title}: MMFF w/o Self-Attention", f"{title}: Baseline"
    gaps = _gap(TABLE_6, f"{title}: MMFF", without, *columns)
    added = _gap(TABLE_6, alone, base, *columns)
    return agrees(
        f"MMFF minus MMFF without it {points(gaps)}; with it alone minus the baseline "
        f"{points(added)}",
        stated in (gaps, added),
    )


def _late(other: str, columns: tuple[int, ...], stated: list[float]) -> Finding:
    gaps = _gap(TABLE_6, "Bi-LSTM: MMFF", f"Bi-LSTM: MMFF-{other} Fusion", *columns)
    return agrees(points(gaps), gaps == stated)


def _more_important() -> Finding:
    gaps = {
        title: _gap(
            TABLE_6,
            f"{title}: MMFF w/o Self-Attention",
            f"{title}: MMFF w/o Skeleton-Attention",
            *range(4),
        )
        for title in BACKBONES
    }
    text = "; ".join(f"{title} {points(values)}" for title, values in gaps.items())
    return agrees(
        f"without self-attention minus without skeleton attention: {text}",
        all(value > 0 for values in gaps.values() for value in values),
    )


def _benefits() -> Finding:
    without = ("MMFF w/o Projection Crop", "MMFF w/o Data Augmentation")
    crop, augmented = (_gap(TABLE_5, MMFF_ST_GCN, name, *range(4)) for name in without)
    holds = all(crop[i] > augmented[i] for i in (0, 1)) and all(
        crop[i] < augmented[i] for i in (2, 3)
    )
    return agrees(f"crop {points(crop)}; augmentation {points(augmented)}", holds)


def _enhancement() -> Finding:
    gain = TABLE_5.gap(ST_GCN_AUGMENTED, ST_GCN, 0)
    crop = TABLE_5.gap(XCEPTION_CROPPED, XCEPTION, 2)
    return agrees(f"{gain:.1f} and {crop:.1f}", _stated([gain, crop], [0.8, 10.2]))


XCEPTION_COST = (22.86, 8.42)  # section 4.3.2, in millions and 10^9


def _frames() -> Finding:
    counts = [TABLE_4.row(name).cost[0] or 0.0 for name in ("1 frame", "3 frames", "5 frames")]
    steps = [(counts[1] - counts[0]) / 2, (counts[2] - counts[1]) / 2]
    return agrees(
        f"each further network costs {points(steps)} M between the rows; section 4.3.2 has "
        f"Xception at {XCEPTION_COST[0]} M",
        all(abs(step - XCEPTION_COST[0]) < 1 for step in steps),
    )


def _recurrent_cost() -> Finding:
    stated = model_entry("bi_lstm").stated[0]
    parameters, work = stated.parameters / 1e6, stated.multiply_adds / 1e9
    return agrees(
        f"built here at the widths it names (150 numbers a frame, 2 x 300 units, 32 frames): "
        f"{parameters:.2f} M and {work:.2f} G",
        [round(parameters, 1), round(work, 1)] == [2.0, 6.3],
    )


def _st_gcn_cost() -> Finding:
    found = TABLE_2.row("ST-GCN (2018), S").cost[1]
    return agrees(f"Table 2 has {found} G for it", found == 15.6)


SCENE_COST = (
    8.08  # of 16 frames of 112x112, in 10^9; counted from the cross-attention paper's Table 2
)


def _one_frame() -> Finding:
    frame = XCEPTION_COST[1]
    names = ("Inflated ResNet50 (2018), R", "2D/3D Multitask (2018), S+R")
    heavy = ", ".join(f"{TABLE_2.row(name).cost[1]:g} G {name.split(' (')[0]}" for name in names)
    return agrees(
        f"one frame of 299x299 through Xception {frame} G; a video: {heavy}, but 16 frames of "
        f"112x112 through the cross-attention paper's 3D branch {SCENE_COST} G",
        frame < SCENE_COST,
    )


ARITHMETIC = (
    Arithmetic(
        "0.7 above SGM-Net on CS with 40.6 % of its parameters and 14.5 % of its FLOPs",
        "section 1",
        "Table 2",
        _sgm,
    ),
    Arithmetic("4.7 above EleAtt-GRU on CS with 8.6 G more", "section 4.3.1", "Table 2", _ele_att),
    Arithmetic(
        "11.4 % of MMTM's FLOPs, 11.1 % of MFAS's", "section 4.3.1", "Table 2", _video_shares
    ),
    Arithmetic(
        "2.2 above JOULE in Setting-2 with 12.0 % of its FLOPs", "section 4.3.1", "Table 3", _joule
    ),
    Arithmetic(
        "32.6 % of the parameters and 63.5 % of the FLOPs of 2 Stream RNN/CNN",
        "section 4.3.2",
        "Table 2",
        _two_stream,
    ),
    Arithmetic(
        "29.1 M are 49.6 % of MMTM's parameters, and 11.4 % of its FLOPs",
        "section 4.3.2",
        "Table 2",
        _mmtm,
    ),
    Arithmetic("ST-GCN takes 15.6 G", "section 4.3.2", "Table 2", _st_gcn_cost),
    Arithmetic(
        "three layers of Bi-LSTM have 2.0 M parameters and take 6.3 G",
        "section 4.3.2",
        "section 4.2",
        _recurrent_cost,
    ),
    Arithmetic(
        "a single frame costs far less than a video",
        "section 4.3.2",
        "Table 2, and cross-attention's Table 2",
        _one_frame,
    ),
    Arithmetic(
        "parameters grow by the further Xception networks, to 90.1 and 134.9 M",
        "section 4.4.2",
        "Table 4, section 4.3.2",
        _frames,
    ),
    Arithmetic(
        "augmentation gives ST-GCN 0.8 on CS, the crop gives Xception 10.2 in Setting-1",
        "section 4.4.3",
        "Table 5",
        _enhancement,
    ),
    Arithmetic(
        "NTU gains more from the crop, SYSU more from augmentation",
        "section 4.4.3",
        "Table 5",
        _benefits,
    ),
    Arithmetic(
        "self-attention improves MMFF with Bi-LSTM by 1.8 in Cross-Subject on SYSU",
        "section 4.4.4",
        "Table 6",
        _self_attention,
    ),
    Arithmetic(
        "skeleton attention improves MMFF with ST-GCN by 3.0 on CS",
        "section 4.4.4",
        "Table 6",
        lambda: _skeleton_attention("ST-GCN", (0,), [3.0]),
    ),
    Arithmetic(
        "skeleton attention improves Bi-LSTM by 13.5 in Setting-1 and by 8.0 on CV",
        "section 4.4.5",
        "Table 6",
        lambda: _skeleton_attention("Bi-LSTM", (2, 1), [13.5, 8.0]),
    ),
    Arithmetic(
        "skeleton attention plays a larger part than self-attention",
        "section 4.4.5",
        "Table 6",
        _more_important,
    ),
    Arithmetic(
        "with Bi-LSTM 5.0 (CV) and 3.8 (Setting-1) above decision fusion",
        "section 4.4.6",
        "Table 6",
        lambda: _late("Decision", (1, 2), [5.0, 3.8]),
    ),
    Arithmetic(
        "with Bi-LSTM 2.4 (CS) and 2.0 (Setting-1) above the sum of features",
        "section 4.4.6",
        "Table 6",
        lambda: _late("Sum", (0, 2), [2.4, 2.0]),
    ),
)
