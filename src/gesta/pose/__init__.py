"""Poses from video: estimators behind one interface, tracking, and clips made of tracks."""

from gesta.pose.detections import Detections, PoseEstimator, boxes_around
from gesta.pose.estimate import estimate_poses, watch
from gesta.pose.estimators import create_estimator, list_estimators
from gesta.pose.mediapipe import BlazePose
from gesta.pose.movenet import MoveNet
from gesta.pose.rtmlib import RtmPose
from gesta.pose.smooth import smooth_clip
from gesta.pose.tracker import Tracker
from gesta.pose.tracks import Sighting, choose_tracks, presence_of_tracks, tracks_to_clip

__all__ = [
    "BlazePose",
    "Detections",
    "MoveNet",
    "PoseEstimator",
    "RtmPose",
    "Sighting",
    "Tracker",
    "boxes_around",
    "choose_tracks",
    "create_estimator",
    "estimate_poses",
    "list_estimators",
    "presence_of_tracks",
    "smooth_clip",
    "tracks_to_clip",
    "watch",
]
