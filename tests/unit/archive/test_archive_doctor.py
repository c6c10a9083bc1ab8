"""The doctor finds what is wrong, says what is odd, and is quiet otherwise."""

import json
import time

import numpy as np
import pytest

from gesta.archive import Protocol, diagnose, open_archive, write_archive
from gesta.cli.doctor import Arguments, run
from gesta.errors import ArchiveError, ProtocolError

CLASSES = ("wave", "walk", "sit")
BY_SUBJECT = Protocol("cross_subject", ("subject",), "subject", test=("0", "1"))


def kinds(findings):
    return [finding.kind for finding in findings]


def find(findings, kind):
    (finding,) = [f for f in findings if f.kind == kind]
    return finding


def archive_of(tmp_path, clips, *protocols, classes=CLASSES):
    return write_archive(tmp_path / "a", clips, classes, protocols=protocols, overwrite=True)


def test_a_healthy_archive(tmp_path, clips):
    found = diagnose(archive_of(tmp_path, clips, BY_SUBJECT))
    assert found.healthy
    assert kinds(found.notes) == ["lengths", "missing", "protocol"]
    assert found.notes[0].text.startswith("frames a clip: 6 (fewest)")
    assert found.notes[1].text == "0.0 % of the joints are missing, 0.0 % of the frames show nobody"
    assert found.notes[2].text.startswith("cross_subject: 18 clips train")
    assert found.protocols == ["cross_subject"]
    assert json.loads(json.dumps(found.to_dict()))["healthy"] is True
    assert diagnose(open_archive(tmp_path / "a"), "random").protocols == ["random"]
    with pytest.raises(ProtocolError, match="there are cross_subject, random"):
        diagnose(open_archive(tmp_path / "a"), "cross_view")


def test_identical_clips_on_both_sides(tmp_path, clips):
    clips[0] = clips[0].replace(coords=clips[2].coords)
    found = diagnose(archive_of(tmp_path, clips, BY_SUBJECT))
    error = find(found.errors, "duplicates")
    assert error.text == (
        "cross_subject: 1 test clips are identical to a training clip: 'clip_000'"
    )
    assert find(found.notes, "duplicates").clips == ("clip_000", "clip_002")
    known = Protocol(**{**vars(BY_SUBJECT), "known_duplicates": 1, "note": "one is a copy"})
    found = diagnose(archive_of(tmp_path, clips, known))
    assert found.healthy
    assert find(found.notes, "known").text == "cross_subject: one is a copy"
    clean = Protocol(**{**vars(BY_SUBJECT), "drop_test_duplicates": True})
    assert diagnose(archive_of(tmp_path, clips, clean)).healthy


@pytest.mark.parametrize("column", ["subject", "source", "camera"])
def test_what_should_be_separate_and_is_not(tmp_path, clips, column):
    ids = tuple(clip.id for clip in clips[:7])
    leaky = Protocol("leaky", (column,), test_ids=ids)
    error = find(diagnose(archive_of(tmp_path, clips, leaky)).errors, "separation")
    assert f"leaky: separates {column}" in error.text
    honest = Protocol("honest", (), test_ids=ids)
    assert diagnose(archive_of(tmp_path, clips, honest)).healthy


def test_a_class_without_training_clips(tmp_path, clips):
    found = diagnose(archive_of(tmp_path, clips, BY_SUBJECT, classes=[*CLASSES, "fly"]))
    error = find(found.errors, "classes")
    assert error.text == "cross_subject: 1 classes without training clips: 'fly'"


def test_a_class_without_test_clips(tmp_path, clips):
    walking = tuple(clip.id for clip in clips if clip.label == 1)
    by_ids = Protocol("p", test_ids=tuple(clip.id for clip in clips[:9] if clip.id not in walking))
    found = diagnose(archive_of(tmp_path, clips, by_ids))
    assert found.healthy
    assert find(found.notes, "classes").text == "p: 1 classes without test clips: 'walk'"


def test_separation_that_cannot_be_checked(tmp_path, clips):
    clips[3] = clips[3].replace(source=None)
    sources = {clip.source for clip in clips[:9]}
    test = tuple(clip.id for clip in clips if clip.source in sources)
    found = diagnose(archive_of(tmp_path, clips, Protocol("p", ("source",), test_ids=test)))
    assert not [error for error in found.errors if error.kind == "separation"]
    note = find(found.notes, "separation")
    assert note.text == "p: separates source, which 1 clips do not have: 'clip_003'"


def test_folds_are_told_together(tmp_path, clips):
    folds = [Protocol(f"fold_{s}", ("subject",), "subject", test=(s,)) for s in "01234"]
    found = diagnose(archive_of(tmp_path, clips, *folds, classes=[*CLASSES, "fly"]))
    assert find(found.errors, "classes").text.startswith("fold_0, fold_1, fold_2, fold_3, fold_4: ")


def test_a_protocol_that_cannot_be_used(tmp_path, clips):
    no_test = Protocol("p", column="subject", test=("9",))
    no_setup = Protocol("q", column="setup", test=("9",))
    found = diagnose(archive_of(tmp_path, clips, no_test, no_setup))
    assert kinds(found.errors) == ["protocol", "protocol"]
    assert "30 clips train, 0 test" in found.errors[0].text
    assert "divides by setup, which 30 of 30 clips do not have" in found.errors[1].text


def test_odd_clips_are_notes(tmp_path, clips):
    layout = clips[0].layout
    nan = np.full((1, 6, len(layout), 3), np.nan, np.float32)
    half = clips[5].coords.copy()
    half[:, :3] = np.nan
    stretched = clips[8].coords.copy()
    stretched[0, :, layout.index("left_hand")] += 20
    clips[1] = clips[1].replace(coords=nan[:0])
    clips[2] = clips[2].replace(coords=nan)
    clips[3] = clips[3].replace(coords=clips[3].coords[:, :1])
    clips[4] = clips[4].replace(coords=np.repeat(clips[4].coords[:, :1], 6, axis=1))
    clips[5] = clips[5].replace(coords=half)
    clips[6] = clips[6].replace(label=None)
    clips[7] = clips[7].replace(coords=clips[7].coords * 1000)
    clips[8] = clips[8].replace(coords=stretched)
    found = diagnose(archive_of(tmp_path, clips, BY_SUBJECT))
    assert found.healthy
    texts = {finding.kind: finding for finding in found.notes if finding.clips}
    assert texts["empty"].clips == ("clip_001", "clip_002")
    assert texts["lengths"].clips == ("clip_003",)
    assert texts["still"].clips == ("clip_004",)
    assert texts["unlabelled"].clips == ("clip_006",)
    assert texts["bodies"].clips == ("clip_007",)
    assert texts["limbs"].clips == ("clip_008",)
    assert "left_hand" in texts["limbs"].text
    # Of 30 x 6 frames less 5 of clip 3: two clips of 6, and 3 of clip 5.
    missing = find(found.notes, "missing").text
    assert f"{100 * 15 / 175:.1f} % of the frames show nobody" in missing
    rows = sum(clip.coords[..., 0].size for clip in clips)
    gaps = sum(int(np.isnan(clip.coords[..., 0]).sum()) for clip in clips)
    assert missing.startswith(f"{100 * gaps / rows:.1f} % of the joints")


def test_damage_is_an_error_that_names_the_clips(tmp_path, clips):
    archive = archive_of(tmp_path, clips, BY_SUBJECT)
    shard = archive.path / "shard-00000.safetensors"
    data = bytearray(shard.read_bytes())
    at = data.index(clips[9].coords.tobytes())
    data[at + 5] ^= 0x10
    # An infinity, and a joint that misses one channel only.
    for number, value in ((11, np.inf), (13, np.nan)):
        place = data.index(clips[number].coords.tobytes())
        data[place : place + 4] = np.float32(value).tobytes()
    shard.write_bytes(data)
    found = diagnose(open_archive(archive.path))
    assert not found.healthy
    assert find(found.errors, "damage").clips == ("clip_009", "clip_011", "clip_013")
    assert find(found.errors, "coordinates").clips == ("clip_011", "clip_013")


def test_ids_that_repeat(tmp_path, clips):
    archive = archive_of(tmp_path, clips)
    archive.ids[3] = archive.ids[4]
    assert find(diagnose(archive).errors, "ids").clips == ("clip_004",)


def test_hundreds_of_clips_take_no_time(tmp_path, make_clip):
    clips = [make_clip(i, frames=40, subject=str(i % 9)) for i in range(600)]
    archive = archive_of(tmp_path, clips)
    began = time.perf_counter()
    diagnose(archive)
    assert time.perf_counter() - began < 5


class Lines:
    """Stands for the console."""

    def __init__(self):
        self.lines, self.exit_status = [], 0

    def say(self, text="", style=None):
        self.lines.append(text)


def test_the_verb(tmp_path, clips):
    archive = archive_of(tmp_path, clips, BY_SUBJECT)
    console = Lines()
    document = run(Arguments(archive.path), console)
    assert console.exit_status == 0
    assert console.lines[0] == f"{archive.path}: 30 clips"
    assert console.lines[-1] == "no errors, 3 notes"
    assert document["healthy"] and document["clips"] == 30
    archive_of(tmp_path, clips, BY_SUBJECT, classes=[*CLASSES, "fly"])
    console = Lines()
    document = run(Arguments(archive.path, protocol="cross_subject"), console)
    assert console.exit_status == 1
    assert not document["healthy"]
    assert any("error" in line and "'fly'" in line for line in console.lines)
    with pytest.raises(ArchiveError):
        run(Arguments(tmp_path / "nothing"), Lines())
