"""NTU, Kinetics, SYSU, UESTC: what belongs to them, and who trains and who tests.

The counts of NTU follow from lists of files that are not at hand, so what is tested is the rule on
every performer, camera and setup there is.
"""

import json
import zipfile

import numpy as np
import pytest

from gesta.archive import ClipTable, expand_names, train_and_test
from gesta.clip import Clip
from gesta.datasets import ParseOptions, Source, get_dataset
from gesta.datasets.kinetics import Labels
from gesta.datasets.ntu import TRAIN_SUBJECTS
from gesta.errors import FormatError
from gesta.skeleton import get_layout


def table_of(rows, layout="kinect_v2_25", dims=3):
    """A table of clips; each row is the keywords of a clip, with ``persons``."""
    clips = []
    for index, row in enumerate(rows):
        persons = row.pop("persons", 1)
        coords = np.full((persons, 1, len(get_layout(layout)), dims), index + 1, np.float32)
        channels = ("x", "y", "z")[:dims]
        clips.append(Clip(coords, get_layout(layout), channels, **row))
    return ClipTable.from_clips(clips)


def sides(dataset, table, side=None):
    """For each protocol the ids that train and those that test."""
    found = {}
    for protocol in get_dataset(dataset).protocols(table, side):
        train, test = train_and_test(protocol, table)
        ids = np.array(table.ids)
        found[protocol.name] = (set(ids[train].tolist()), set(ids[test].tolist()))
    return found


def ntu_table(subjects, setups, cameras=(1, 2, 3)):
    rows = []
    for subject in range(1, subjects + 1):
        for camera in cameras:
            setup = 1 + subject % setups
            rows.append(
                {
                    "id": f"S{setup:03d}C{camera:03d}P{subject:03d}R001A001",
                    "subject": str(subject),
                    "camera": camera,
                    "setup": setup,
                    "label": 0,
                    "persons": 0 if (subject, camera) in ((1, 1), (3, 2)) else 1,
                }
            )
    return table_of(rows)


def test_ntu60_divides_by_performer_and_by_camera():
    table = ntu_table(40, 17)
    found = sides("ntu60", table)
    train, test = found["cross_subject_all"]
    assert len(train) == 20 * 3 and len(test) == 20 * 3
    assert all(str(int(name[9:12])) in TRAIN_SUBJECTS[60] for name in train)
    train, test = found["cross_view_all"]
    assert {name[4:8] for name in train} == {"C002", "C003"} and len(train) == 80
    assert {name[4:8] for name in test} == {"C001"} and len(test) == 40


def test_ntu120_divides_by_performer_and_by_setup():
    table = ntu_table(106, 32)
    found = sides("ntu120", table)
    train, test = found["cross_subject_all"]
    assert len(train) == 53 * 3 and len(test) == 53 * 3
    train, test = found["cross_setup_all"]
    assert {int(name[1:4]) % 2 for name in train} == {0}
    assert {int(name[1:4]) % 2 for name in test} == {1}
    assert len(train) + len(test) == len(table.ids)


def test_clips_that_show_nobody_are_left_out_or_counted():
    """P001 at camera 1 (train, then test) and P003 at camera 2 (test, then train) are empty."""
    found = sides("ntu60", ntu_table(40, 17))
    for name, (train, test) in (("cross_subject", (59, 59)), ("cross_view", (79, 39))):
        everybody = found[f"{name}_all"]
        assert (len(found[name][0]), len(found[name][1])) == (train, test)
        assert found[name][0] < everybody[0] and found[name][1] < everybody[1]


def test_the_published_lists_have_their_sizes():
    assert len(set(TRAIN_SUBJECTS[60])) == 20 and len(set(TRAIN_SUBJECTS[120])) == 53
    assert set(TRAIN_SUBJECTS[60]) < set(TRAIN_SUBJECTS[120])


def test_a_table_of_the_size_of_ntu60_gives_the_published_counts_by_camera():
    places = [(n, camera) for n in range(18_960) for camera in (1, 2, 3)]
    unknown, size = [None] * len(places), len(places)
    table = ClipTable(
        ids=[f"{n}-{camera}" for n, camera in places],
        labels=np.zeros(size, np.int64),
        digests=np.arange(1, size + 1, dtype=np.uint64),
        subject=[str(1 + n % 40) for n, _ in places],
        source=unknown,
        camera=[camera for _, camera in places],
        setup=unknown,
        replication=unknown,
    )
    for name in ("cross_view", "cross_view_all"):  # nobody is missing here
        assert [len(side) for side in sides("ntu60", table)[name]] == [37_920, 18_960]


@pytest.mark.parametrize(
    ("dataset", "protocol", "train", "test"),
    [
        ("ntu60", "cross_subject", "40,091", "16,487"),
        ("ntu60", "cross_view", "37,646", "18,932"),
        ("ntu60", "cross_subject_all", "40,320", "16,560"),
        ("ntu60", "cross_view_all", "37,920", "18,960"),
        ("ntu120", "cross_subject", "63,026", "50,919"),
        ("ntu120", "cross_setup", "54,468", "59,477"),
    ],
)
def test_protocols_of_ntu_tell_the_published_counts(dataset, protocol, train, test):
    notes = {p.name: p.note for p in get_dataset(dataset).protocols(ntu_table(4, 2), None)}
    assert f"{train} train, {test} test" in notes[protocol]


def test_ntu60_is_found_in_the_folder_of_both():
    name = "nturgb+d_skeletons/S018C001P008R001A{:03d}.skeleton"
    for action, in_60, in_120 in (
        (1, True, True),
        (60, True, True),
        (61, False, True),
        (120, False, True),
        (121, True, True),
        (0, True, True),
    ):
        assert get_dataset("ntu60").selects(name.format(action)) is in_60
        assert get_dataset("ntu120").selects(name.format(action)) is in_120
    for other in ("S001C001P001R001A001_rgb.avi", "S1C1P1R1A1.skeleton", "notes.skeleton"):
        assert not get_dataset("ntu60").selects(other)


def test_sysu_halves_each_class_and_the_subjects():
    rows = [
        {"id": f"s{subject:02d}_video{video}", "subject": f"s{subject:02d}", "label": video - 1}
        for subject in range(1, 9)
        for video in range(1, 13)
    ]
    table = table_of(rows, "kinect_v1_20")
    found = sides("sysu", table)
    assert len(found) == 60
    assert len(expand_names("setting_1", found)) == len(expand_names("setting_2", found)) == 30
    for name, (train, test) in found.items():
        assert len(train) == len(test) == 48 and not train & test
        if name.startswith("setting_1"):
            for video in range(1, 13):
                assert sum(item.endswith(f"_video{video}") for item in train) == 4
        else:
            assert not {i[:3] for i in train} & {i[:3] for i in test}
    # There are but 70 halves of 8 subjects: some of 30 draws are the same.
    assert len({frozenset(train) for train, _ in found.values()}) > 45
    shuffled = table_of(rows_of(table)[::-1], "kinect_v1_20")
    assert sides("sysu", shuffled) == found


def rows_of(table):
    return [
        {"id": name, "subject": subject, "label": int(label)}
        for name, subject, label in zip(table.ids, table.subject, table.labels, strict=True)
    ]


def test_uestc_divides_by_subject_and_by_viewpoint_both_ways():
    rows = [
        {"id": f"p{subject}v{view}", "subject": str(subject), "setup": view, "label": 0}
        for subject in range(1, 119)
        for view in range(9)
    ]
    found = sides("uestc", table_of(rows))
    train, test = found["cross_subject"]
    assert len(train) == 51 * 9 and len(test) == 67 * 9
    assert expand_names("cross_view_2", found) == ["cross_view_2_1", "cross_view_2_2"]
    even, odd = found["cross_view_2_1"]
    assert {name[-1] for name in even} == set("0246") and {name[-1] for name in odd} == set("1357")
    assert found["cross_view_2_2"] == (odd, even)


def test_uestc_reads_text_and_matlab_and_no_videos():
    selects = get_dataset("uestc").selects
    assert selects("skeleton/a0_d1_p001_c1_skeleton.txt") and selects("mat/a0_d1_p001_c1.mat")
    assert not selects("RGBvideo/a0_d1_p001_c1_color.avi") and not selects("readme.txt")


def kinetics_file(label="tai chi", index=7, people=1):
    person = {"pose": [0.25] * 36, "score": [0.5] * 18}
    frames = [{"frame_index": 1, "skeleton": [person] * people}]
    return json.dumps({"data": frames, "label": label, "label_index": index}).encode()


def kinetics(name, path, data, side=None):
    dataset = get_dataset(name)
    return dataset.parse(path, data, ParseOptions(dataset.bodies[0], None, side))


def test_kinetics_tells_train_and_validation_by_their_folders():
    ids = []
    for path in ("kinetics_train/a.json", "all/kinetics_val/b.json", "c.json"):
        (clip,) = kinetics("kinetics", path, kinetics_file())
        ids.append(clip.id)
        assert clip.label == 7
    assert ids == ["train/a", "val/b", "c"]
    rows = [{"id": name, "label": 7, "space": "unit_frame"} for name in ids]
    found = sides("kinetics", table_of(rows, "openpose_18", 2), Labels())
    assert found == {"official": ({"train/a"}, {"val/b"})}


def test_the_label_files_of_kinetics_are_read(tmp_path):
    path = tmp_path / "kinetics.zip"
    entries = {
        "a": {"has_skeleton": True, "label": "Tai_Chi", "label_index": 2},
        "b": {"has_skeleton": False, "label": "lunge", "label_index": 0},
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("kinetics_val_label.json", json.dumps(entries))
    dataset = get_dataset("kinetics")
    assert not dataset.selects("kinetics_val_label.json") and dataset.selects("kinetics_val/a.json")
    side = dataset.side(Source(path))
    (clip,) = kinetics("kinetics", "val/a.json", kinetics_file(index=9), side)
    assert clip.label == 2 and clip.persons == 1
    (clip,) = kinetics("kinetics", "val/b.json", kinetics_file(index=9), side)
    assert clip.label == 0 and clip.persons == 0
    table = table_of([{"id": "a", "label": 2, "space": "unit_frame"}], "openpose_18", 2)
    assert dataset.class_names(table, side) == ("lunge", "1", "tai chi")


def test_kinetics_motion_is_a_subset_by_name_with_its_own_order():
    classes = get_dataset("kinetics_motion").classes
    assert len(set(classes)) == 30 and classes[0] == "belly dancing" and classes[-1] == "pull ups"
    (clip,) = kinetics("kinetics_motion", "a.json", kinetics_file("Tai_Chi"))
    assert clip.label == classes.index("tai chi")
    assert kinetics("kinetics_motion", "a.json", kinetics_file("yoga")) == []
    by_number = Labels({"a": (3, True)}, {3: "lunge"})
    (clip,) = kinetics("kinetics_motion", "a.json", kinetics_file("yoga"), by_number)
    assert clip.label == classes.index("lunge")
    with pytest.raises(FormatError, match="the name of a class"):
        kinetics("kinetics_motion", "a.json", kinetics_file(None))


def test_a_class_that_kinetics_does_not_have_is_an_error():
    with pytest.raises(FormatError, match="below 400, found 400"):
        kinetics("kinetics", "a.json", kinetics_file(index=400))


@pytest.mark.parametrize("content", ["[]", '{"a": 3}', "{"])
def test_a_damaged_label_file_is_told(tmp_path, content):
    (tmp_path / "kinetics_val_label.json").write_text(content)
    with pytest.raises(FormatError, match="kinetics_val_label.json"):
        get_dataset("kinetics").side(Source(tmp_path))
