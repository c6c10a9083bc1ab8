import numpy as np
import torch
from torch import nn

from gesta.evaluation import forward, score_clips
from gesta.transforms import Batch

CLASSES = ("a", "b")


class Mean(nn.Module):
    """Logits are the mean pose of a row; remembers what it was given."""

    inputs = ("poses", "mask", "confidence")

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, poses, mask=None, confidence=None):
        self.seen.append((len(poses), confidence, self.training))
        return poses[:, 0].mean(dim=(1, 2))


class FakeClips:
    """Clip i is one frame of one joint, (i, 0)."""

    def __init__(self, count):
        self.ids = [f"c{i}" for i in range(count)]
        self.labels = torch.arange(count) % 2

    def batch(self, positions):
        rows = len(positions)
        poses = torch.zeros(rows, 1, 1, 1, 2)
        poses[:, 0, 0, 0, 0] = positions.float()
        return Batch(
            poses,
            torch.ones(rows, 1, 1, dtype=torch.bool),
            self.labels[positions],
            [self.ids[i] for i in positions.tolist()],
            torch.arange(rows),
            torch.ones(rows, dtype=torch.int64),
        )


def plain(batch, *, training, generator):
    assert not training and generator is None
    return batch


def two_views(batch, *, training, generator):
    """Each clip as it is, and then with 3 added to its first logit."""
    rows = batch.rows(torch.arange(len(batch)).repeat_interleave(2))
    shift = torch.tensor([3.0, 0]) * (torch.arange(len(rows)) % 2)[:, None]
    return rows.replace(poses=rows.poses + shift[:, None, None, None])


def test_scores_are_log_softmax_and_do_not_depend_on_how_many_at_once():
    clips, model = FakeClips(7), Mean()
    scores = score_clips(model, plain, clips, CLASSES, rows=3, provenance={"part": "test"})
    logits = torch.stack([torch.arange(7.0), torch.zeros(7)], 1)
    expected = logits.double().log_softmax(1).numpy()
    np.testing.assert_allclose(scores.log_probs, expected, rtol=1e-6)
    assert [rows for rows, _, _ in model.seen] == [3, 3, 1]
    assert scores.ids == tuple(clips.ids) and scores.labels.tolist() == clips.labels.tolist()
    assert scores.provenance == {"part": "test"}
    whole = score_clips(model, plain, clips, CLASSES, rows=100)
    np.testing.assert_array_equal(whole.log_probs, scores.log_probs)


def test_views_of_a_clip_are_averaged_as_probabilities():
    scores = score_clips(Mean(), two_views, FakeClips(3), CLASSES, rows=2)
    for clip in range(3):
        views = torch.tensor([[clip, 0.0], [clip + 3.0, 0.0]]).softmax(1)
        expected = views.mean(0).log().numpy()
        np.testing.assert_allclose(scores.log_probs[clip], expected, rtol=1e-5)


def test_the_mode_of_the_model_is_restored():
    model = Mean().train()
    score_clips(model, plain, FakeClips(2), CLASSES)
    assert model.training and model.seen[0][2] is False
    model.eval()
    score_clips(model, plain, FakeClips(2), CLASSES)
    assert not model.training


def test_a_certain_model_stays_finite():
    class Certain(Mean):
        def forward(self, poses, mask=None, confidence=None):
            return torch.tensor([[1e4, -1e4]]).expand(len(poses), 2)

    scores = score_clips(Certain(), plain, FakeClips(2), CLASSES)
    assert np.isfinite(scores.log_probs).all() and (scores.log_probs[:, 1] < -50).all()


def test_no_clips_give_no_scores():
    assert score_clips(Mean(), plain, FakeClips(0), CLASSES).log_probs.shape == (0, 2)


def test_a_model_is_handed_the_fields_that_it_names():
    model, batch = Mean(), FakeClips(1).batch(torch.tensor([0]))
    confidence = torch.ones(1, 1, 1, 1)
    forward(model, batch.replace(confidence=confidence))
    assert model.seen[0][1] is confidence
