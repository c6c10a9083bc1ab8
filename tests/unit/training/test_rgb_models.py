"""Models that look at pictures or context train, score and predict like those of poses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gesta.archive import open_archive, open_context, write_archive, write_context
from gesta.archive.videos import videos_provenance
from gesta.clip import Clip, VideoReference
from gesta.errors import MediaError, RecipeError, RunError
from gesta.inference import Recognizer
from gesta.media import VideoWriter
from gesta.models import SkeletonModel, registry
from gesta.skeleton import get_layout
from gesta.training import (
    Observer,
    Run,
    evaluate,
    find_recipe,
    resume,
    single,
    train,
    train_final,
)
from gesta.training.dry_run import dry_run
from gesta.transforms import footage

CLASSES = ("left", "right")
WIDTH, HEIGHT = 48, 32
PAPER = registry.Paper("A small thing", "Nobody", "Nowhere", 2026, "@misc{small}")


class Looking(SkeletonModel):
    """Pictures, or context, through a linear layer; poses say nothing."""

    def __init__(self, layout, num_classes, channels, frames, persons, sees):
        super().__init__(layout, num_classes, channels, frames, persons)
        self.inputs = ("poses", "mask", *sees)
        self.sees = sees[0]
        self.trunk = nn.Identity()
        self.head = nn.Linear(3 * 16 if sees[0] != "context" else 5, num_classes)

    def forward(self, poses, mask=None, **more):
        self.check_inputs(poses, mask)
        given = more[self.sees]
        if self.sees == "context":
            return self.head(given.mean(dim=(1, 2)))
        time = 2 if self.sees == "video" else 1
        small = nn.functional.adaptive_avg_pool2d(given.mean(dim=time), 4)
        return self.head(small.flatten(1))

    def example_inputs(self, clips, frames, persons):
        shapes = {"video": (clips, 3, frames, 8, 8), "frames": (clips, 2, 3, 8, 8)}
        shapes |= {"context": (clips, frames, 2, 5), "moved_joint": (clips, 2, 2)}
        shapes |= {"frame_joints": (clips, 2, persons, len(self.layout), 2)}
        return {name: torch.zeros(shapes[name]) for name in self.inputs if name in shapes}


SEES = {
    "video": ("video", "rgb_mask"),
    "frames": ("frames", "frame_joints", "moved_joint"),
    "context": ("context",),
}


@pytest.fixture(autouse=True)
def looking(monkeypatch):
    """The model under the name "looking", for one test."""
    monkeypatch.setattr(registry, "_MODELS", dict(registry._MODELS))

    @registry.register_model("looking", inputs=("poses", "mask", "video"), paper=PAPER)
    def build(layout, num_classes, channels, frames, persons, *, sees: str = "video"):
        return Looking(layout, num_classes, channels, frames, persons, SEES[sees])


def drawn(index, frames):
    """Frames in which the left or the right half is bright: only they tell the class."""
    images = np.full((frames, HEIGHT, WIDTH, 3), 30, np.uint8)
    half = slice(0, WIDTH // 2) if index % 2 == 0 else slice(WIDTH // 2, WIDTH)
    images[:, :, half] = 200
    return images


def clip_of(index):
    rng = np.random.default_rng(index)
    frames = 6 + index % 5
    coords = rng.uniform(4, 28, size=(1, frames, 17, 2)).astype(np.float32)
    return Clip(
        coords,
        get_layout("coco_17"),
        ("x", "y"),
        "pixels",
        frame_size=(WIDTH, HEIGHT),
        video=VideoReference(f"clip{index:02d}.mp4", np.arange(frames) / 10),
        id=f"clip{index:02d}",
        label=index % 2,
        subject=str(index // 2),
    )


@pytest.fixture(scope="session")
def filmed(tmp_path_factory):
    """An archive of twenty clips whose videos lie beside it."""
    home = tmp_path_factory.mktemp("filmed")
    (home / "videos").mkdir()
    clips = [clip_of(index) for index in range(20)]
    for index, clip in enumerate(clips):
        with VideoWriter(home / "videos" / f"{clip.id}.mp4", (WIDTH, HEIGHT), 10) as writer:
            for image in drawn(index, clip.frames):
                writer.write(image)
    path = home / "archive"
    about = {"videos": videos_provenance(path, home / "videos")}
    write_archive(path, clips, CLASSES, dataset="filmed", provenance=about)
    return path


@pytest.fixture(scope="session")
def context_path(filmed, tmp_path_factory):
    """Vectors that say the class: two a frame for most clips, one for all frames of some."""
    path = tmp_path_factory.mktemp("context") / "context.safetensors"
    rng = np.random.default_rng(0)

    def entries():
        for index, clip in enumerate(open_archive(filmed).clips):
            frames = () if index % 5 == 0 else (clip.frames,)
            values = rng.normal(size=(*frames, 2, 5))
            values[..., 0] += 3 * (-1) ** index
            yield clip.id, values

    write_context(path, entries(), {"backbone": "drawn"})
    return path


def recipe_for(filmed, sees="video", **sections):
    table = {
        "data": str(filmed),
        "protocol": "random",
        "model": {"sees": sees},
        "optimizer": {"lr": 0.1},
        "input": {"frames": 4, "sampling": "window", "persons": 1},
        "video": {"size": 8, "crop": "centre", "workers": 0, "position": [0.2, 0.8]},
        "loop": {"epochs": 8, "batch": 4},
    }
    for name, options in sections.items():
        joined = table.get(name, {}) | options if isinstance(options, dict) else options
        table[name] = joined
    return find_recipe("looking", None, table)


def same_weights(first, second):
    first, second = (run.load_model().state_dict() for run in (first, second))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("sees", list(SEES))
def test_a_model_that_looks_trains_scores_and_predicts(filmed, context_path, tmp_path, sees):
    context = str(context_path) if sees == "context" else ""
    recipe = recipe_for(filmed, sees, context=context)
    shapes = dry_run(recipe)
    expected = {
        "video": {"video": [4, 3, 4, 8, 8], "rgb_mask": [4]},
        "frames": {
            "frames": [4, 2, 3, 8, 8],
            "frame_joints": [4, 2, 1, 17, 2],
            "moved_joint": [4, 2, 2],
        },
        "context": {"context": [4, 4, 2, 5]},
    }
    assert expected[sees].items() <= shapes.items()
    run = train(recipe, tmp_path / "run")
    assert run.metrics["top1"] == 100, "the pictures tell the classes, and poses do not"
    assert run.metrics["without_rgb"] == {"train": 0, "test": 0}
    card = run.card
    assert card.video == recipe.video
    about = {"backbone": "drawn", "k": "2", "m": "5"}
    assert card.context == (about if sees == "context" else {})
    scores = evaluate(run)
    np.testing.assert_array_equal(scores.log_probs, run.scores.log_probs)
    shuffled = evaluate(run, shuffle=0)
    assert shuffled.provenance["shuffled_rgb"] == 0
    assert (run.path / "evaluations" / "filmed-random-test-shuffled_0").is_dir()
    assert not np.array_equal(shuffled.log_probs, scores.log_probs)
    archive = open_archive(filmed)
    clips = [archive.clips[archive.ids.index(name)] for name in scores.ids]
    recognizer = Recognizer.from_run(run.path)
    if sees == "context":
        found = recognizer.score(clips, context=open_context(context_path))
    else:
        found = recognizer.score(clips, find=archive.video_path)
    np.testing.assert_allclose(found, scores.log_probs, atol=1e-5)


class Stop(Observer):
    def epoch(self, record, kept):
        if record.epoch == 2:
            raise KeyboardInterrupt


def test_workers_and_resuming_change_nothing(filmed, tmp_path):
    recipe = recipe_for(
        filmed, video={"crop": "random", "scales": [1.0, 0.5]}, augment={"mirror": 0.5},
        loop={"epochs": 5},
    )  # fmt: skip
    whole = train(recipe, tmp_path / "whole")
    decoded = recipe.replace(video=replace(recipe.video, workers=2))
    with pytest.raises(KeyboardInterrupt):
        train(decoded, tmp_path / "parts", observer=Stop())
    parts = resume(tmp_path / "parts")
    same_weights(whole, parts)
    losses = [[record.train_loss for record in run.history] for run in (whole, parts)]
    assert losses[0] == losses[1]


def test_a_cache_gives_what_decoding_gives(filmed, tmp_path, monkeypatch):
    crops = {"crop": "random", "scales": [1.0, 0.5], "size": 8}
    recipe = recipe_for(filmed, video=crops, loop={"epochs": 3})
    decoded = train(recipe, tmp_path / "decoded")
    cached = recipe.replace(video=replace(recipe.video, cache=HEIGHT))
    dry_run(cached)  # fills the cache
    monkeypatch.setattr(footage, "read_moments", None)
    cached = train(cached, tmp_path / "cached")
    assert filmed.with_name("archive.rgb32").is_dir(), "beside the archive"
    # The two scale pictures in ways of their own.
    first, second = (run.history[0].train_loss for run in (cached, decoded))
    assert first == pytest.approx(second, rel=0.1)
    found, expected = (np.exp(run.scores.log_probs) for run in (cached, decoded))
    np.testing.assert_allclose(found, expected, atol=0.01)
    again = evaluate(cached)
    np.testing.assert_array_equal(again.log_probs, cached.scores.log_probs)
    shares = [record.share_outside for record in cached.history]
    assert all(0 <= share < 1 for share in shares)


def test_a_final_training_takes_pictures_and_context_too(filmed, context_path, tmp_path):
    for sees, context in (("video", ""), ("context", str(context_path))):
        recipe = recipe_for(filmed, sees, context=context, loop={"epochs": 2})
        run = train(recipe, tmp_path / sees)
        final = train_final(run.path, tmp_path / f"{sees}-final")
        assert final.metrics["final"] and final.card.video == run.card.video
        assert final.recipe.context == context


@pytest.mark.parametrize("cache", [0, 16])
def test_clips_without_a_usable_video_are_an_error_or_judged_by_skeleton(filmed, tmp_path, cache):
    archive = open_archive(filmed)
    lost = tmp_path / "videos"
    lost.mkdir()
    for video in sorted((filmed.parent / "videos").iterdir()):
        (lost / video.name).write_bytes(video.read_bytes())
    (lost / "clip03.mp4").write_bytes(b"")
    (lost / "clip05.mp4").unlink()
    again = tmp_path / "archive"
    about = {"videos": videos_provenance(again, lost)}
    clips = [clip.replace(video=None) if clip.id == "clip07" else clip for clip in archive.clips]
    write_archive(again, clips, CLASSES, dataset="filmed", provenance=about)
    recipe = recipe_for(again, loop={"epochs": 2})
    with pytest.raises(MediaError, match=r"clips have no usable RGB.*--missing-rgb skeleton"):
        train(recipe, tmp_path / "strict")
    said = []

    class Listening(Observer):
        def say(self, text):
            said.append(text)

    with pytest.raises(MediaError, match=r"clips have no usable RGB.*--missing-rgb skeleton"):
        train(recipe.replace(video=replace(recipe.video, cache=16)), tmp_path / "cached")
    lenient = recipe.replace(video=replace(recipe.video, missing="skeleton", cache=cache))
    run = train(lenient, tmp_path / "run", observer=Listening())
    assert any("no usable RGB" in text for text in said)
    parts = archive.split("random")
    missing = {"clip03", "clip05", "clip07"}
    for part in ("train", "test"):
        expected = len(missing & {archive.ids[i] for i in parts[part]})
        assert run.metrics["without_rgb"][part] == expected
    evaluate(run, again, part="train")
    (folder,) = (run.path / "evaluations").glob("*-train")
    assert Run(folder).metrics["without_rgb"] == run.metrics["without_rgb"]["train"]
    # On whole data the same run, told to be strict, scores all.
    assert len(evaluate(run, filmed, missing="error").ids) == len(parts["test"])
    with pytest.raises(MediaError, match="no usable RGB"):
        evaluate(run, again, part="train", missing="error")


def test_a_context_that_does_not_fit_is_refused(filmed, context_path, tmp_path):
    with pytest.raises(MediaError, match="--context FILE"):
        dry_run(recipe_for(filmed, "context"))
    with pytest.raises(RecipeError, match="takes poses, mask, video, rgb_mask"):
        dry_run(recipe_for(filmed, "video", context=str(context_path)))
    run = train(
        recipe_for(filmed, "context", context=str(context_path), loop={"epochs": 1}),
        tmp_path / "run",
    )
    other = tmp_path / "other.safetensors"
    clips = open_archive(filmed).clips
    write_context(other, ((c.id, np.zeros((c.frames, 2, 5))) for c in clips), {"backbone": "b"})
    with pytest.raises(RunError, match="the model learnt from the context of"):
        evaluate(run, context=other)


def test_vectors_of_another_width_are_refused_with_what_to_give(filmed, context_path):
    options = registry.model_entry("cross_attention").small | {"context": "features"}
    table = {
        "data": str(filmed),
        "protocol": "random",
        "model": options,
        "context": str(context_path),
    }
    recipe = find_recipe("cross_attention", None, table)
    with pytest.raises(RecipeError, match=r"of 5 numbers.* 16; give it model.context_channels 5"):
        dry_run(recipe)


@pytest.mark.parametrize("model", ["cross_attention", "san_v2"])
def test_captions_go_the_way_of_any_context(filmed, tmp_path, model):
    """Embeddings of three sentences a clip, which hold for all of its frames."""
    archive, rng = open_archive(filmed), np.random.default_rng(0)
    said = write_context(
        tmp_path / "captions.context",
        ((name, rng.normal(size=(3, 6))) for name in archive.ids),
        {"made by": "a model of captions"},
    )
    own = {"context_channels": 6} | ({} if model == "san_v2" else {"context": "features"})
    table = {
        "data": str(filmed),
        "protocol": "random",
        "context": str(said.path),
        "model": registry.model_entry(model).small | own,
        "input": {"frames": 4, "sampling": "resize", "persons": 1},
        "loop": {"epochs": 1, "batch": 8, "keep": "last"},
    }
    recipe = find_recipe(model, None, table)
    assert dry_run(recipe)["context"] == [7, 4, 3, 6]
    run = train(recipe, tmp_path / "run")
    assert run.card.context == {"made by": "a model of captions", "k": "3", "m": "6"}
    assert not np.array_equal(evaluate(run, shuffle=0).log_probs, run.scores.log_probs)


def test_san_judges_clips_without_context_by_the_skeleton(filmed, tmp_path):
    archive, rng = open_archive(filmed), np.random.default_rng(0)
    parts = archive.split("random")
    lost = {archive.ids[parts[part][0]] for part in ("train", "test")}
    said = {name: rng.normal(size=(3, 6)) for name in archive.ids}
    about = {"made by": "a model of captions"}
    whole = write_context(tmp_path / "whole.context", said.items(), about)
    kept = ((name, values) for name, values in said.items() if name not in lost)
    some = write_context(tmp_path / "some.context", kept, about)
    table = {
        "data": str(filmed),
        "protocol": "random",
        "context": str(some.path),
        "model": registry.model_entry("san_v2").small | {"context_channels": 6},
        "video": {"missing": "skeleton"},
        "input": {"frames": 4, "sampling": "resize", "persons": 1},
        "loop": {"epochs": 1, "batch": 8, "keep": "last"},
    }
    run = train(find_recipe("san_v2", None, table), tmp_path / "run")
    assert run.metrics["without_rgb"] == {"train": 1, "test": 1}
    with pytest.raises(MediaError, match=r"has no context of it\); .*--missing-rgb skeleton"):
        evaluate(run, missing="error")
    others = [name not in lost for name in run.scores.ids]
    found = evaluate(run, context=whole.path, missing="error").log_probs
    np.testing.assert_allclose(found[others], run.scores.log_probs[others], atol=1e-6)
    # Of zeros it would be judged as of any other context.
    zeros = ((name, values * (name not in lost)) for name, values in said.items())
    zeros = write_context(tmp_path / "zeros.context", zeros, about)
    found = evaluate(run, context=zeros.path).log_probs
    assert np.abs(found - run.scores.log_probs).max(axis=1).argmax() == others.index(False)
    assert not np.allclose(found, run.scores.log_probs, atol=1e-5)


@pytest.mark.parametrize(
    ("sees", "video", "message"),
    [
        ("video", {"size": 16}, r"video.size: expected 8, .* of 8x8, found 16; give --video.size"),
        ("frames", {"size": 16}, "video.size: expected 8"),
        ("frames", {"position": [0.5]}, "video.position: expected 2 places.* 2 frames .*found 1"),
    ],
)
def test_pictures_of_another_number_or_size_are_refused_before_any_is_decoded(
    filmed, monkeypatch, sees, video, message
):
    monkeypatch.setattr(single, "store_frames", None)
    with pytest.raises(RecipeError, match=message):
        dry_run(recipe_for(filmed, sees, video=video))


def test_a_model_of_poses_has_nothing_to_shuffle(make_recipe, tmp_path):
    run = train(make_recipe(loop={"epochs": 1}), tmp_path / "run")
    assert "without_rgb" not in run.metrics
    with pytest.raises(RunError, match="takes poses alone"):
        evaluate(run, shuffle=0)
