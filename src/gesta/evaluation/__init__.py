"""Scores of clips, measures of them, their fusion and comparison; all joined by clip id."""

from gesta.evaluation.compare import ClassDifference, Comparison, Difference, compare
from gesta.evaluation.fuse import Weights, equal_weights, fuse, learn_weights
from gesta.evaluation.metrics import (
    ClassResult,
    confusion_matrix,
    expected_calibration_error,
    mean_class_accuracy,
    negative_log_likelihood,
    per_class,
    ranks,
    summary,
    top_k,
)
from gesta.evaluation.scores import Scores, join, pool
from gesta.evaluation.scoring import forward, more_inputs, score_batch, score_clips
from gesta.evaluation.threshold import answer_threshold, answered

__all__ = [
    "ClassDifference",
    "ClassResult",
    "Comparison",
    "Difference",
    "Scores",
    "Weights",
    "answer_threshold",
    "answered",
    "compare",
    "confusion_matrix",
    "equal_weights",
    "expected_calibration_error",
    "forward",
    "fuse",
    "join",
    "learn_weights",
    "mean_class_accuracy",
    "more_inputs",
    "negative_log_likelihood",
    "per_class",
    "pool",
    "ranks",
    "score_batch",
    "score_clips",
    "summary",
    "top_k",
]
