"""The papers' numbers and what follows from them."""

import pytest

from gesta.errors import RecipeError
from gesta.models import model_entry
from gesta.reproduce import PAPERS, find_target, list_targets
from gesta.reproduce.claims import check_arithmetic
from gesta.reproduce.paper import LargerGain, Ordering, Shuffled
from gesta.reproduce.tables import compare_order

# Copied from the papers a second time.
SPOTS = {
    ("san", "table-1", "SR-TSL (2018)"): (84.8, 92.4),
    ("san", "table-1", "TS-SAN"): (87.2, 92.7),
    ("san", "table-2", "TS-SAN"): (35.1, 55.7),
    ("san", "table-2", "Deep LSTM (2016)"): (16.4, 35.3),
    ("san", "table-3", "SAN-V1 + FF"): (75.4, 79.8),
    ("san", "table-3", "SAN-V3 + CNN"): (85.5, 91.4),
    ("san", "table-4", "SAN-V2 (seq=96)"): (86.1, 92.0),
    ("san", "table-5", "TS(Max) + SAN-V3"): (85.9, 91.1),
    ("san", "table-6", "TS + SAN-V2 (L2H2)"): (86.7, 92.1),
    ("csta", "table-1", "VS-CNN (2018)"): (76.0, 71.0),
    ("csta", "table-2", "LSTM-CNN (2017)"): (82.9, 90.1),
    ("csta", "table-3", "Without T"): (95.2, 80.1, 84.2, 89.1),
    ("cross_attention", "table-3", "Dot-Product"): (84.05, 96.77),
    ("cross_attention", "table-4", "Multiplication"): (87.95, 97.98),
    ("cross_attention", "table-5", "gc8"): (84.05, 96.84),
    ("cross_attention", "table-6", "RGB-only"): (82.77, 96.36),
    ("cross_attention", "table-7", "RGB+Skeleton (concat)"): (81.54, 84.61),
    ("cross_attention", "table-8", "TSSI + SSAN + GLAN (2018)"): (82.4, 89.1),
    ("cross_attention", "table-9", "Skeleton-only (ST-GCN)"): (25.50, 46.20),
    ("cross_attention", "table-10", "Cross-Attention"): (39.9, 66.7),
    ("mmff", "table-2", "MMTM (2020), S+R"): (91.9, None),
    ("mmff", "table-3", "MMFF w/ Bi-LSTM"): (80.9, 82.6),
    ("mmff", "table-4", "3 frames"): (90.1, 96.6),
    ("mmff", "table-5", "MMFF w/o Projection Crop"): (85.3, 93.4, 84.3, 85.6),
    ("mmff", "table-6", "Bi-LSTM: MMFF-Decision Fusion"): (81.0, 86.9, 90.3, 81.2),
    ("mmff", "table-6", "ST-GCN: MMFF w/o Self-Attention"): (86.4, 94.1, 82.2, 84.6),
    ("mmff", "table-7", "double Bi-GRU"): (69.8, 77.6, 71.6, 72.0),
}
ROWS = {
    ("san", "table-1"): 12, ("san", "table-2"): 5, ("san", "table-3"): 6, ("san", "table-4"): 4,
    ("san", "table-5"): 4, ("san", "table-6"): 4, ("csta", "table-1"): 5, ("csta", "table-2"): 12,
    ("csta", "table-3"): 4, ("cross_attention", "table-3"): 5, ("cross_attention", "table-4"): 5,
    ("cross_attention", "table-5"): 6, ("cross_attention", "table-6"): 4,
    ("cross_attention", "table-7"): 4, ("cross_attention", "table-8"): 6,
    ("cross_attention", "table-9"): 4, ("cross_attention", "table-10"): 5, ("mmff", "table-2"): 19,
    ("mmff", "table-3"): 12, ("mmff", "table-4"): 3, ("mmff", "table-5"): 10,
    ("mmff", "table-6"): 11, ("mmff", "table-7"): 9, ("mmff", "figure-7"): 18,
}  # fmt: skip


@pytest.mark.parametrize(("place", "numbers"), SPOTS.items(), ids=map(str, SPOTS))
def test_numbers_are_those_of_the_paper(place, numbers):
    paper, table, row = place
    assert PAPERS[paper].table(table).row(row).paper == numbers


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_tables_are_whole(paper):
    for table in paper.tables:
        names = [row.name for row in table.rows]
        assert len(set(names)) == len(names)
        assert len(names) == ROWS.get((paper.name, table.name), len(names))
        assert table.row(table.base).model is not None
        for row in table.rows:
            assert len(row.paper) == len(table.columns)
            assert row.base == "" or row.base in names
            if row.model is not None:
                assert set(row.changes.get("model", {})) <= set(model_entry(row.model).options)
        assert any(row.two_persons for row in table.rows) == bool(table.why_two)


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_claims_are_about_rows_that_are_there(paper):
    names = {row.name for row in paper.rows}
    for claim in paper.claims:
        if isinstance(claim, Ordering):
            about = {n for pair in (*claim.pairs, *claim.shown) for n in (pair.better, pair.worse)}
        elif isinstance(claim, LargerGain):
            about = {claim.pair.better, claim.pair.worse}
        elif isinstance(claim, Shuffled):
            about = {claim.row, *claim.shown}
        else:
            about = {claim.row}
        assert about <= names


def arithmetic(paper, words):
    (found,) = [one for one in PAPERS[paper].arithmetic if words in one.statement]
    return check_arithmetic(found)


@pytest.mark.parametrize(
    ("paper", "words", "figures", "verdict"),
    [
        ("san", "7.9 (top-5)", "top-5 2.9", "contradicted"),
        ("san", "fewer parameters", "of one alone", "contradicted"),
        ("san", "outperformed by SAN", "0.0, 0.1, 0.0, 0.6", "contradicted"),
        ("san", "up to 7.3", "V3 CV 7.3", "holds"),
        ("san", "above HCN", "0.7, 0.8; of HCN this paper quotes 91.9", "holds"),
        ("san", "above SR-TSL", "2.4, 0.3", "holds"),
        ("san", "above STA-LSTM", "13.8, 11.5", "holds"),
        ("san", "the worst variant", "V2 is above V3 by 0.4, 0.3", "holds"),
        ("csta", "0.5, 1.0, 0.5 and 2.7", "0.5, 2.7, 0.5, 1.0", "contradicted"),
        ("csta", "above VS-CNN", "19.6, 10.1", "holds"),
        ("csta", "Two-Stream CNN", "already +1.2 and -0.4", "holds"),
        ("csta", "slightly below none", "-0.1, -0.1", "holds"),
        ("csta", "across views is the larger", "2.7 across views, 0.5 across", "holds"),
        ("csta", "below HCN", "LSTM-CNN", "holds"),
        ("cross_attention", "very poorly", "+1.55, NTU CS -3.75, NTU CV -3.55", "contradicted"),
        ("cross_attention", "lightweight", "93 % of both", "contradicted"),
        ("cross_attention", "8.4 million", "6.39 M", "contradicted"),
        ("cross_attention", "every form", "Self-Attention minus Baseline: 1.1", "holds"),
        ("cross_attention", "alone is above self", "5.5, 3.1", "holds"),
        ("cross_attention", "rising from gc0", "0.54 below gc6", "holds"),
        ("cross_attention", "2.16", "2.16, 1.08", "holds"),
        ("cross_attention", "3.75", "3.75, 3.55", "holds"),
        ("cross_attention", "2.69 on", "cross-subject 2.69: the two are", "contradicted"),
        ("mmff", "SGM-Net", "40.6 % of the parameters, 14.5 %", "holds"),
        ("mmff", "EleAtt", "4.7, 8.6 G", "holds"),
        ("mmff", "JOULE", "2.2; 12.0 %", "holds"),
        ("mmff", "MFAS", "11.4, 11.1 %", "holds"),
        ("mmff", "2 Stream", "34.2, 39.6 %; MMFF w/ ST-GCN: 36.3, 63.5 %", "contradicted"),
        ("mmff", "49.6", "58.9, 11.4 %", "contradicted"),
        ("mmff", "15.6 G", "16.2 G", "contradicted"),
        ("mmff", "6.3 G", "5.45 M and 0.17 G", "contradicted"),
        ("mmff", "far less than a video", "branch 8.08 G", "contradicted"),
        ("mmff", "134.9", "30.5, 22.4 M", "contradicted"),
        ("mmff", "10.2 in Setting-1", "0.8 and 10.2", "holds"),
        ("mmff", "SYSU more from", "crop 4.3, 2.9, 1.0, 1.5; aug", "holds"),
        ("mmff", "1.8 in Cross", "4.2, 4.2, 3.6, 4.2", "contradicted"),
        ("mmff", "3.0 on CS", "without it 5.4", "contradicted"),
        ("mmff", "13.5", "5.2, 6.1; with it alone minus the baseline 5.0, 8.0", "contradicted"),
        ("mmff", "larger part", "Bi-LSTM 0.9, 1.9, 1.6, 0.9; ST-GCN 2.2", "holds"),
        ("mmff", "decision fusion", "4.7, -9.4", "contradicted"),
        ("mmff", "sum of features", "2.4, 0.6", "contradicted"),
    ],
)
def test_arithmetic(paper, words, figures, verdict):
    found = arithmetic(paper, words)
    assert figures in found["computed"]
    assert found["verdict"] == verdict


def test_every_claim_by_arithmetic_is_tested():
    # A few words of a claim find it above, and only it.
    for paper, count in {"san": 8, "csta": 6, "cross_attention": 9, "mmff": 18}.items():
        assert len(PAPERS[paper].arithmetic) == count


def test_order_is_that_of_the_paper_or_not():
    table = PAPERS["csta"].table("table-3")

    def order(row, low, high):
        return compare_order(table, row, "Without ST", {"low": low, "high": high})

    assert order("CSTA-CNN", 0.5, 2) == "agrees"
    assert order("CSTA-CNN", -2, -0.5) == "contradicts"
    assert order("CSTA-CNN", -1, 1) == "too small to tell"
    # Better than none on UESTC and worse on NTU: the paper itself has no one order.
    assert order("Without S", 0.5, 2) == ""


def test_targets_are_found_by_name():
    assert {"san/table-1", "san/table-6", "san/claims", "csta/table-3", "csta/claims"} <= set(
        list_targets()
    )
    assert find_target("san/claims") == (PAPERS["san"], None)
    with pytest.raises(RecipeError, match="did you mean 'san/table-6'"):
        find_target("san/table-66")
