"""Rows that see RGB from end to end, with narrow models on drawn videos."""

from dataclasses import replace

import pytest

from gesta.archive import open_archive
from gesta.reproduce import PAPERS, html, markdown
from gesta.reproduce.claims import reproduce_claims
from gesta.reproduce.control import with_scene_of_another
from gesta.reproduce.mmff_tables import mmff
from gesta.reproduce.outcome import singles
from gesta.reproduce.paper import Inside, Shuffled
from gesta.reproduce.runs import Workshop
from gesta.reproduce.settings import Settings
from gesta.reproduce.tables import reproduce_table
from gesta.training import Run
from gesta.training.initial import read_init

pytestmark = pytest.mark.slow

SCENE = {
    "model": {"width": 4, "temporal_kernel": 3, "dropout": 0.0, "context_width": 4},
    "input": {"frames": 16, "sampling": "window", "persons": 1},
    "optimizer": {"name": "adam", "lr": 1e-2, "nesterov": False},
    "schedule": {"name": "constant", "warmup": 0},
    "loop": {"epochs": 24, "batch": 6},
}
SCENE["model"]["video_size"] = 16
SCENE["video"] = {"size": 16, "workers": 0, "crop": "centre"}
FRAME = {
    "model": {
        "skeleton_options": ("width=4", "temporal_kernel=3", "dropout=0.0"),
        "image_width": 0.02,
        "image_size": 48,
        "width": 8,
    },
    "input": {"frames": 16, "persons": 1},
    "video": {"size": 48, "workers": 0},
    "schedule": {"name": "constant"},
    "loop": {"epochs": 4, "batch": 8, "stages": (4, 4)},
}


@pytest.fixture
def settings(filmed_path, tmp_path):
    """A function of options for all rows."""

    def make(own, **more):
        given = {"budget": "cpu", "protocol": "folds", "in_full": 0} | more
        return Settings((open_archive(filmed_path),), Workshop(tmp_path / "runs"), own=own, **given)

    return make


def test_scenes_are_seen_and_another_scene_is_worse(settings, tmp_path):
    paper = PAPERS["cross_attention"]
    document = reproduce_table(paper, paper.table("table-6"), settings(SCENE))
    (place,) = document["places"]
    top1 = {name: row["top1"]["mean"] for name, row in place["rows"].items()}
    # Bodies rest, and only the video tells the classes apart.
    assert top1["RGB-only"] > 90 > top1["Skeleton-only (ST-GCN)"]
    assert set(place["curves"]["training"]) == set(place["rows"])
    assert len(place["curves"]["validation"]["RGB-only"]) == 6
    page = html(document)
    assert page.count("Figure 5, ") == 2 and "Drawn on the HTML page" in markdown(document)
    runs = [Run(tmp_path / "runs" / name) for name in place["rows"]["RGB-only"]["runs"]]
    shuffled = with_scene_of_another(runs, open_archive(singles(runs[0])[0].recipe.data))
    assert shuffled.accuracy < top1["RGB-only"] - 20
    kept = [*(tmp_path / "runs").glob("*/*/evaluations/*shuffled_0/scores.safetensors")]
    assert len(kept) == 2
    claims = (Shuffled("the scene is used", "nowhere", "RGB-only"),)
    judged = reproduce_claims(
        replace(paper, rows=paper.table("table-6").rows, claims=claims, arithmetic=()),
        settings(SCENE),
    )
    (claim,) = judged["claims"]
    assert claim["verdict"] == "holds" and claim["on"] == ["filmed folds"]
    (figure,) = claim["figures"]
    assert figure["value"] == pytest.approx(top1["RGB-only"] - shuffled.accuracy)


def test_mmff_starts_from_streams_of_its_own_fold(settings, tmp_path):
    paper = PAPERS["mmff"]
    names = ("ST-GCN: Baseline", "ST-GCN: MMFF", "ST-GCN: MMFF-Decision Fusion")
    table = paper.table("table-6")
    table = replace(
        table, rows=tuple(table.row(name) for name in names), confusions=((names[1], "Figure 8"),)
    )
    document = reproduce_table(paper, table, settings(FRAME))
    (place,) = document["places"]
    assert set(place["rows"]) == set(names)
    (name,) = place["rows"][names[1]]["runs"]
    for member in Run(tmp_path / "runs" / name).members:
        for stream, source in read_init(member.recipe.init):
            began = Run.open(source)
            assert began.name == member.name and began.path.parent.parent == tmp_path / "runs"
            assert began.recipe.model == {"skeleton": "st_gcn", "rgb": "xception_frame"}[stream]
            assert began.recipe.protocol == member.recipe.protocol
        # The fusion on fixed streams is a stage within; the streams themselves are not.
        assert [path.name for path in (member.path / "stages").iterdir()] == ["fusion"]
    assert place["by_class"]["row"] == names[1] and "Figure 9" in html(document)
    assert {one["row"] for one in place["confusions"]} == {names[1]}

    claims = (Inside("attention lies on persons", "nowhere", names[1], "by_itself"),)
    judged = reproduce_claims(
        replace(paper, rows=table.rows, claims=claims, arithmetic=()), settings(FRAME)
    )
    (claim,) = judged["claims"]
    # Drawn bodies say nothing of their class, so that this may not have learnt; it is measured.
    assert claim["figures"][0]["detail"].endswith("24 clips")
    assert -1 < claim["figures"][0]["value"] < 1


def test_a_final_run_replays_the_stages(settings):
    paper = PAPERS["mmff"]
    row = mmff("MMFF", (None, None, None, None))
    table = replace(paper.table("table-6"), rows=(row,), base="MMFF", confusions=(), by_class=None)
    given = {**FRAME, "loop": {"epochs": 1, "batch": 8, "stages": (1, 1)}}
    document = reproduce_table(paper, table, settings(given, budget="gpu", protocol="fold_1"))
    (place,) = document["places"]
    assert place["rows"]["MMFF"]["clips"] == 12
