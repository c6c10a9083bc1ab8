"""Archives: clips on disk, checked, memory-mapped, divided by declared protocols."""

from gesta.archive.context import Context, open_context, write_context
from gesta.archive.doctor import Diagnosis, Finding, diagnose
from gesta.archive.manifest import VERSION
from gesta.archive.parts import cut_validation, expand_names, grouping, random_protocol, split
from gesta.archive.protocol import Protocol, train_and_test
from gesta.archive.reader import Archive, Clips, FlatClips, open_archive
from gesta.archive.table import ClipTable, content_digest
from gesta.archive.videos import VIDEOS, videos_provenance
from gesta.archive.writer import ArchiveWriter, write_archive

__all__ = [
    "VERSION",
    "VIDEOS",
    "Archive",
    "ArchiveWriter",
    "ClipTable",
    "Clips",
    "Context",
    "Diagnosis",
    "Finding",
    "FlatClips",
    "Protocol",
    "content_digest",
    "cut_validation",
    "diagnose",
    "expand_names",
    "grouping",
    "open_archive",
    "open_context",
    "random_protocol",
    "split",
    "train_and_test",
    "videos_provenance",
    "write_archive",
    "write_context",
]
