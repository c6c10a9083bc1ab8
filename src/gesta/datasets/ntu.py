"""NTU RGB+D 60 and 120: 25 Kinect v2 joints, one ``.skeleton`` file a clip."""

from __future__ import annotations

import re
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from gesta.archive import Protocol
from gesta.clip import Clip
from gesta.datasets.dataset import DataSet, ParseOptions, Recorded, VideoNames, empty_ids
from gesta.datasets.registry import register_dataset
from gesta.formats.ntu_skeleton import BODIES, FILE_STEM, parse_ntu_skeleton

CLASSES = tuple(
    """drink water; eat meal/snack; brushing teeth; brushing hair; drop; pickup; throw;
    sitting down; standing up (from sitting position); clapping; reading; writing; tear up paper;
    wear jacket; take off jacket; wear a shoe; take off a shoe; wear on glasses; take off glasses;
    put on a hat/cap; take off a hat/cap; cheer up; hand waving; kicking something;
    reach into pocket; hopping (one foot jumping); jump up; make a phone call/answer phone;
    playing with phone/tablet; typing on a keyboard; pointing to something with finger;
    taking a selfie; check time (from watch); rub two hands together; nod head/bow; shake head;
    wipe face; salute; put the palms together; cross hands in front (say stop); sneeze/cough;
    staggering; falling; touch head (headache); touch chest (stomachache/heart pain);
    touch back (backache); touch neck (neckache); nausea or vomiting condition;
    use a fan (with hand or paper)/feeling warm; punching/slapping other person;
    kicking other person; pushing other person; pat on back of other person;
    point finger at the other person; hugging other person; giving something to other person;
    touch other person's pocket; handshaking; walking towards each other;
    walking apart from each other; put on headphone; take off headphone; shoot at the basket;
    bounce ball; tennis bat swing; juggling table tennis balls; hush (quiet); flick hair; thumb up;
    thumb down; make ok sign; make victory sign; staple book; counting money; cutting nails;
    cutting paper (using scissors); snapping fingers; open bottle; sniff (smell); squat down;
    toss a coin; fold paper; ball up paper; play magic cube; apply cream on face;
    apply cream on hand back; put on bag; take off bag; put something into a bag;
    take something out of a bag; open a box; move heavy objects; shake fist; throw up cap/hat;
    hands up (both hands); cross arms; arm circles; arm swings; running on the spot;
    butt kicks (kick backward); cross toe touch; side kick; yawn; stretch oneself; blow nose;
    hit other person with something; wield knife towards other person;
    knock over other person (hit with body); grab other person's stuff;
    shoot at other person with a gun; step on foot; high-five; cheers and drink;
    carry something with other person; take a photo of other person; follow other person;
    whisper in other person's ear; exchange things with other person; support somebody with hand;
    finger-guessing game (playing rock-paper-scissors)""".replace("\n    ", " ").split("; ")
)
"""Names of the actions A001 to A120; the first 60 are those of NTU RGB+D 60."""

TRAIN_SUBJECTS = {
    60: tuple("1 2 4 5 8 9 13 14 15 16 17 18 19 25 27 28 31 34 35 38".split()),
}
TRAIN_SUBJECTS[120] = TRAIN_SUBJECTS[60] + tuple(
    (
        "45 46 47 49 50 52 53 54 55 56 57 58 59 70 74 78 80 81 82 83 84 85 86 89 91 92 93 94 95 97 "
        "98 100 103"
    ).split()
)
TRAIN_CAMERAS = ("2", "3")
TRAIN_SETUPS = tuple(str(setup) for setup in range(2, 33, 2))

_VIDEO_STEM = re.compile(f"({FILE_STEM.pattern})(?:_rgb)?")
_COUNTS = {
    ("cross_subject", 60): ("40,091 train, 16,487 test", "40,320 train, 16,560 test"),
    ("cross_view", 60): ("37,646 train, 18,932 test", "37,920 train, 18,960 test"),
    ("cross_subject", 120): ("63,026 train, 50,919 test", "114,480 in all"),
    ("cross_setup", 120): ("54,468 train, 59,477 test", "114,480 in all"),
}


def selects(name: str, actions: int) -> bool:
    """``SsssCcccPpppRrrrAaaa.skeleton``; the 60-class data set leaves A061 to A120 out.

    Both data sets unpack into one folder; an action that neither has is selected, to be told.
    """
    path = PurePosixPath(name)
    match = FILE_STEM.fullmatch(path.stem)
    if match is None or path.suffix.lower() != ".skeleton":
        return False
    return not actions < int(match[5]) <= len(CLASSES)


def clip_of_video(path: str) -> str | None:
    """``SsssCcccPpppRrrrAaaa_rgb``, or without ``_rgb`` where people made them smaller."""
    match = _VIDEO_STEM.fullmatch(PurePosixPath(path).name)
    return None if match is None else match[1]


def parse(name: str, data: bytes, options: ParseOptions) -> list[Clip]:
    """The one clip of a file."""
    return [parse_ntu_skeleton(data, name, options.bodies)]


def protocols(recorded: Recorded, side: Any, actions: int) -> list[Protocol]:  # noqa: ANN401
    """The data set's two protocols, each in two ways of counting.

    ``cross_subject`` and the other leave out the clips that show nobody, as everyone does who
    publishes results; ``cross_subject_all`` and the other keep them, as the papers of the data
    sets count. A clip is left out by what is in it, not by a list of names.
    """
    subject: dict[str, Any] = {"column": "subject", "train": TRAIN_SUBJECTS[actions]}
    second: dict[str, Any] = {"column": "camera", "train": TRAIN_CAMERAS}
    if actions == 120:
        second = {"column": "setup", "train": TRAIN_SETUPS}
    rules = {"cross_subject": subject, second_name(actions): second}
    empty = empty_ids(recorded)
    found = []
    for name, rule in rules.items():
        published, in_all = (f"the whole data set has {n}" for n in _COUNTS[name, actions])
        separates = (rule["column"],)
        without = f"without the clips that show nobody ({len(empty)} here); {published}"
        found.append(Protocol(name, separates=separates, excluded_ids=empty, note=without, **rule))
        found.append(Protocol(f"{name}_all", separates=separates, note=in_all, **rule))
    return found


def second_name(actions: int) -> str:
    """The protocol beside ``cross_subject``."""
    return "cross_view" if actions == 60 else "cross_setup"


def _dataset(actions: int, citation: str) -> DataSet:
    names = ("cross_subject", second_name(actions))
    return register_dataset(
        DataSet(
            name=f"ntu{actions}",
            title=f"NTU RGB+D {actions}",
            expects="S001C001P001R001A001.skeleton and the like",
            selects=partial(selects, actions=actions),
            parse=parse,
            layout="kinect_v2_25",
            classes=CLASSES[:actions],
            bodies=BODIES,
            protocols=partial(protocols, actions=actions),
            protocol_names=(*names, *(f"{name}_all" for name in names)),
            videos=VideoNames("S001C001P001R001A001_rgb.avi and the like", clip_of_video),
            licence="academic research only, on request from ROSE Lab, NTU Singapore",
            citation=citation,
        )
    )


NTU60 = _dataset(
    60,
    "A. Shahroudy, J. Liu, T.-T. Ng, G. Wang: NTU RGB+D: a large scale dataset for 3D human "
    "activity analysis, CVPR 2016",
)
NTU120 = _dataset(
    120,
    "J. Liu, A. Shahroudy, M. Perez, G. Wang, L.-Y. Duan, A. C. Kot: NTU RGB+D 120: a large-scale "
    "benchmark for 3D human activity understanding, TPAMI 2019",
)
