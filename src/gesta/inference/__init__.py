"""Trained models at work on clips that are in no archive."""

from gesta.inference.predict import PersonPrediction, Prediction, Segment, fit_to_card
from gesta.inference.recognizer import Recognizer

__all__ = ["PersonPrediction", "Prediction", "Recognizer", "Segment", "fit_to_card"]
