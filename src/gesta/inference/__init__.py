"""Trained models at work on clips and videos that are in no archive."""

from gesta.inference.live import Follower
from gesta.inference.predict import UNKNOWN, PersonPrediction, Prediction, Segment, fit_to_card
from gesta.inference.recognizer import Recognizer
from gesta.inference.timeline import Timing
from gesta.inference.video import Watched

__all__ = [
    "UNKNOWN",
    "Follower",
    "PersonPrediction",
    "Prediction",
    "Recognizer",
    "Segment",
    "Timing",
    "Watched",
    "fit_to_card",
]
