"""Where each data set's clips, labels, subjects and protocols are; `prepare` archives them."""

from gesta.datasets import (  # noqa: F401 - each registers itself
    arrays,
    jhmdb,
    kinetics,
    ntu,
    nw_ucla,
    pyskl,
    sbu,
    sysu,
    uestc,
    utd_mhad,
)
from gesta.datasets.dataset import (
    DataSet,
    ParseOptions,
    Recorded,
    VideoNames,
    empty_ids,
    no_protocols,
    no_side,
    numbered_classes,
)
from gesta.datasets.linking import VideoLinks
from gesta.datasets.prepare import prepare, video_links
from gesta.datasets.registry import get_dataset, list_datasets, register_dataset
from gesta.datasets.source import Source
from gesta.datasets.video_plan import Cut, VideoPlan, plan_videos
from gesta.datasets.videos import extract

__all__ = [
    "Cut",
    "DataSet",
    "ParseOptions",
    "Recorded",
    "Source",
    "VideoLinks",
    "VideoNames",
    "VideoPlan",
    "empty_ids",
    "extract",
    "get_dataset",
    "list_datasets",
    "no_protocols",
    "no_side",
    "numbered_classes",
    "plan_videos",
    "prepare",
    "register_dataset",
    "video_links",
]
