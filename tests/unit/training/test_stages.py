"""Streams of a model: their weights to start from, and training in three stages."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gesta.archive import write_archive
from gesta.archive.videos import videos_provenance
from gesta.clip import Clip, VideoReference
from gesta.errors import RecipeError
from gesta.media import VideoWriter
from gesta.models import create_model
from gesta.skeleton import get_layout
from gesta.training import Observer, Run, find_recipe, resume, train, train_final
from gesta.training.initial import (
    absolute_init,
    freeze,
    join_init,
    read_init,
    train_mode,
    write_init,
)

SIDE, CLASSES = 48, ("left", "right")
STREAMS = ("skeleton", "rgb")
NARROW = {
    "skeleton_options": ["width=4", "temporal_kernel=3", "blocks=9"],
    "image_width": 0.01,
    "image_size": 32,
    "width": 4,
}


@pytest.fixture(scope="session")
def filmed(tmp_path_factory):
    """An archive of sixteen clips, the class in the half of their frames that is bright."""
    home = tmp_path_factory.mktemp("staged")
    (home / "videos").mkdir()
    rng, clips = np.random.default_rng(0), []
    for index in range(16):
        images = np.full((4, SIDE, SIDE, 3), 30, np.uint8)
        images[:, :, : SIDE // 2] += np.uint8(170 * (index % 2))
        with VideoWriter(home / "videos" / f"{index}.mp4", (SIDE, SIDE), 10) as writer:
            for image in images:
                writer.write(image)
        clip = Clip(
            rng.uniform(4, 44, size=(1, 4, 17, 2)).astype(np.float32),
            get_layout("coco_17"),
            ("x", "y"),
            "pixels",
            frame_size=(SIDE, SIDE),
            video=VideoReference(f"{index}.mp4", np.arange(4) / 10),
            id=f"clip{index:02d}",
            label=index % 2,
            subject=str(index // 2),
        )
        clips.append(clip)
    about = {"videos": videos_provenance(home / "archive", home / "videos")}
    write_archive(home / "archive", clips, CLASSES, dataset="filmed", provenance=about)
    return home / "archive"


@pytest.fixture
def recipe(filmed):
    return recipe_of(filmed)


def recipe_of(filmed, **changes):
    table = {
        "data": str(filmed),
        "protocol": "random",
        "model": NARROW | changes.pop("model", {}),
        "input": {"frames": 4, "sampling": "resize", "persons": 1},
        "video": {"size": 32, "workers": 0},
        "loop": {"epochs": 1, "batch": 8, "stages": [2, 1]},
        **changes,
    }
    return find_recipe("mmff", None, table)


class Told(Observer):
    """Remembers what was begun, and fails where it is asked to."""

    def __init__(self, stop_at=None):
        self.begun, self.stop_at = [], stop_at

    def begin(self, title, epochs, done):
        self.begun.append((title, epochs, done))
        if title == self.stop_at:
            raise KeyboardInterrupt


def tensors(run):
    return run.load_model().state_dict()


def test_what_an_init_names(tmp_path):
    assert read_init("") == []
    assert read_init("runs/a=b/x.pt") == [("", "runs/a=b/x.pt")]
    pairs = [("rgb", "a,b.pth"), ("skeleton", "runs/one")]
    assert read_init("rgb=a,b.pth,skeleton=runs/one") == pairs
    assert read_init("rgb=a,b.pth, skeleton=runs/one") == pairs
    assert write_init(pairs) == "rgb=a,b.pth,skeleton=runs/one"
    assert read_init(absolute_init("rgb=x.pth")) == [("rgb", str(Path("x.pth").resolve()))]
    odd = tmp_path / "rgb=1.pt"
    odd.touch()
    assert read_init(str(odd)) == [("", str(odd))]
    with pytest.raises(RecipeError, match="after rgb=, found none"):
        read_init("rgb=")


def test_several_sources_on_a_command_line():
    words = ["mmff", "--init", "rgb=a.pth", "skeleton=runs/one", "--data", "x"]
    assert join_init(words) == ["mmff", "--init", "rgb=a.pth,skeleton=runs/one", "--data", "x"]
    for alone in (["mmff", "--data", "x"], ["mmff", "--init", "a.pt", "--seed", "1"], ["--init"]):
        assert join_init(alone) == alone


def test_only_what_joins_the_streams_learns():
    options = NARROW | {"skeleton_options": tuple(NARROW["skeleton_options"])}
    model = create_model("mmff", "coco_17", 2, 2, **options)
    freeze(model, "streams")
    learnt = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert learnt == {"attention", "fusion", "head"}
    train_mode(model, "streams")
    assert not any(part.training for part in model.skeleton.modules())
    assert not any(part.training for part in model.rgb.modules())
    assert model.training and model.fusion.training and model.head.training
    with pytest.raises(RecipeError, match="st_gcn has none"):
        freeze(create_model("st_gcn", "coco_17", 2, 2, width=4), "streams")


def test_three_stages_one_after_the_other(recipe, tmp_path):
    told = Told()
    run = train(recipe, tmp_path / "run", observer=told)
    assert told.begun == [("skeleton", 2, 0), ("rgb", 2, 0), ("fusion", 1, 0), ("run", 1, 0)]
    stages = {name: Run(run.path / "stages" / name) for name in ("skeleton", "rgb", "fusion")}
    assert all(stage.is_finished for stage in stages.values())
    assert stages["skeleton"].recipe.model == "st_gcn"
    assert stages["rgb"].recipe.model == "xception_frame"
    fused, alone = tensors(stages["fusion"]), tensors(stages["rgb"])
    # The streams are fixed while the fusion learns, their norms' statistics as well.
    for name, value in alone.items():
        if not name.startswith("rgb.fc"):
            assert torch.equal(value, fused[name.replace("rgb.", "rgb.0.", 1)]), name
    assert not torch.equal(tensors(run)["rgb.0.conv1.weight"], alone["rgb.conv1.weight"])
    assert run.recipe.init == "" and run.recipe.loop.stages == (2, 1)

    again = Told()
    final = train_final(run.path, tmp_path / "final", observer=again)
    assert [title for title, _, _ in again.begun] == ["skeleton", "rgb", "fusion", "final"]
    inside = Run(final.path / "stages" / "fusion").recipe
    assert inside.final and str(final.path.resolve()) in inside.init
    assert str(run.path.resolve()) + "/" not in inside.init


@pytest.mark.slow
def test_what_was_stopped_goes_on_and_gives_the_same(recipe, tmp_path):
    whole = train(recipe, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "part", observer=Told("fusion"))
    told = Told()
    part = resume(tmp_path / "part", told)
    assert [title for title, _, _ in told.begun] == ["fusion", "part"]
    assert all(map(torch.equal, tensors(part).values(), tensors(whole).values()))


@pytest.mark.slow
def test_a_finished_stream_is_taken_as_it_is(filmed, recipe, tmp_path):
    first = train(recipe, tmp_path / "first")
    source = first.path / "stages" / "rgb"
    told = Told()
    second = recipe_of(filmed, init=f"rgb={source}", loop={"epochs": 1, "stages": [2, 1]})
    train(second, tmp_path / "second", observer=told)
    assert [title for title, _, _ in told.begun] == ["skeleton", "fusion", "second"]


def test_files_of_weights_are_what_streams_begin_with(filmed, tmp_path):
    # A rate so small that what was begun with is seen.
    slow = {"optimizer": {"name": "adam", "lr": 1e-9}, "loop": {"epochs": 1, "stages": [1, 0]}}
    first = train(recipe_of(filmed, seed=1, **slow), tmp_path / "first")
    files = {name: first.path / "stages" / name / "model.safetensors" for name in STREAMS}
    init = ",".join(f"{name}={file}" for name, file in files.items())
    told = Told()
    second = train(recipe_of(filmed, init=init, **slow), tmp_path / "second", observer=told)
    assert [title for title, _, _ in told.begun] == [*STREAMS, "second"]
    for name in STREAMS:
        own, given = (tensors(Run(run.path / "stages" / name)) for run in (second, first))
        weights = [key for key, value in own.items() if value.ndim > 1]
        assert all(torch.allclose(own[key], given[key], atol=1e-6) for key in weights), name


def test_decisions_get_their_weight_from_validation(filmed, tmp_path):
    recipe = recipe_of(filmed, model={"fusion": "decision"})
    told = Told()
    run = train(recipe, tmp_path / "run", observer=told)
    assert [title for title, _, _ in told.begun] == ["skeleton", "rgb", "run"]
    share = float(tensors(run)["share"])
    assert 0 <= share <= 1 and share != 0.5
    # A final training has nothing to choose by: it takes what was chosen.
    final = train_final(run.path, tmp_path / "final")
    assert float(tensors(final)["share"]) == share
    assert final.recipe.options["share"] == pytest.approx(share)


def test_stages_of_a_model_without_streams_are_refused(filmed, tmp_path):
    table = {"data": str(filmed), "protocol": "random", "loop": {"stages": [1, 1]}}
    with pytest.raises(RecipeError, match="st_gcn has no streams"):
        train(find_recipe("st_gcn", None, table), tmp_path / "run")
    recipe = recipe_of(filmed, init="whole.pt", loop={"stages": [1, 1]})
    with pytest.raises(RecipeError, match="give loop.stages 0 0"):
        train(recipe, tmp_path / "other")


def test_pictures_that_do_not_fit_are_told_before_any_stage(filmed, tmp_path):
    recipe = recipe_of(filmed, model={"image_frames": 3})
    with pytest.raises(RecipeError, match="video.position: expected 3 places"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run" / "stages").exists()
