"""Models that look at RGB, on videos that are in no archive: the windows have their pictures."""

import numpy as np
import pytest
import torch

from gesta.errors import RunError
from gesta.inference import Timing
from gesta.inference.predict import fit_to_card
from gesta.media import VideoWriter, open_video
from gesta.pose import estimate_poses
from gesta.transforms import InputOptions, VideoOptions

SMALL = {"image_width": 0.125, "image_size": 32}
MODELS = {
    "cross_attention": ({"width": 4, "video_size": 32, "temporal_kernel": 3}, "window", "corners"),
    "xception_frame": (SMALL, "uniform", "projection"),
    "mmff": (SMALL | {"width": 8, "skeleton_options": ("width=4",)}, "uniform", "projection"),
}


@pytest.fixture
def watch_rgb(make_watcher):
    """A function that makes a recogniser that looks at RGB."""

    def make(model):
        options, sampling, crop = MODELS[model]
        recognizer = make_watcher(
            model=model,
            options=options,
            input=InputOptions(frames=8, persons=1, sampling=sampling, size="body"),
            video=VideoOptions(size=32, crop=crop, workers=0),
        )
        # Of norms at rest and weights drawn at random little comes out: answers that differ.
        head = [p for p in recognizer.model.parameters() if p.ndim == 2][-1]
        with torch.no_grad():
            head.mul_(30)
        return recognizer

    return make


def film(path, colours):
    with VideoWriter(path, (64, 48), 10.0) as writer:
        for frame, colour in enumerate(colours):
            image = np.full((48, 64, 3), colour, np.uint8)
            image[:, (frame * 3) % 50 :][:, :8] = 250
            writer.write(image)
    return path


@pytest.mark.parametrize("model", MODELS)
def test_a_window_is_judged_with_its_own_pictures(model, watch_rgb, eyes, tmp_path):
    recognizer = watch_rgb(model)
    red, blue = (200, 30, 30), (30, 30, 200)
    path = film(tmp_path / "a film.mp4", [red] * 8 + [blue] * 8)
    timing = Timing(window=0.8, stride=0.8, threshold=0.0)
    (prediction,) = recognizer.predict(path, estimator=eyes, timing=timing)
    with open_video(path) as video:
        whole = estimate_poses(video, eyes).replace(id="film")
    whole = whole.replace(video=type(whole.video)(str(path), whole.video.times))
    scores = []
    for part in (slice(0, 8), slice(8, 16)):
        clip = whole.replace(
            coords=whole.coords[:, part],
            pixels=whole.pixels[:, part],
            confidence=whole.confidence[:, part],
            video=type(whole.video)(str(path), whole.video.times[part]),
        )
        clip = fit_to_card(clip, recognizer.card)
        scores.append(np.exp(recognizer.score([clip])[0].astype(np.float64)))
    assert not np.allclose(*scores, atol=1e-6), "the poses are alike, the pictures are not"
    (person,) = prediction.persons
    seen = [dict(segment.top5) for segment in person.segments]
    assert len(seen) in (1, 2)
    expected = scores if len(seen) == 2 else [np.mean(scores, axis=0)]
    for top, wanted in zip(seen, expected, strict=True):
        for name, probability in top.items():
            place = recognizer.classes.index(name)
            assert probability == pytest.approx(wanted[place], abs=1e-5)


def test_many_windows_are_seen_a_few_at_a_time(watch_rgb, eyes, tmp_path, monkeypatch):
    recognizer, sizes = watch_rgb("xception_frame"), []
    forward = recognizer.model.forward

    def counted(poses, *more, **named):
        sizes.append(len(poses))
        return forward(poses, *more, **named)

    monkeypatch.setattr(recognizer.model, "forward", counted)
    path = film(tmp_path / "long.mp4", [(90, 90, 90)] * 60)
    recognizer.predict(path, estimator=eyes, timing=Timing(window=0.8, stride=0.2))
    assert sum(sizes) > 20 and max(sizes) <= 8


def test_a_stream_is_refused_before_it_is_watched(watch_rgb, eyes, tmp_path):
    path = film(tmp_path / "film.mp4", [(9, 9, 90)] * 4)
    with open_video(path) as video:
        video.live = True
        with pytest.raises(RunError, match="record it to a file"):
            watch_rgb("cross_attention").follow(video, eyes)
