"""Protocols are pure functions of metadata; validation is cut by whole groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gesta.archive import (
    ClipTable,
    Protocol,
    cut_validation,
    expand_names,
    random_protocol,
    split,
    train_and_test,
    write_archive,
)
from gesta.errors import ProtocolError


def table_of(size, *, labels=None, digests=None, **columns):
    nothing = [None] * size
    labels = np.arange(size) % 3 if labels is None else labels
    digests = np.arange(1, size + 1) if digests is None else digests
    named = {name: nothing for name in ("subject", "source", "camera", "setup", "replication")}
    return ClipTable(
        ids=[f"c{i:05d}" for i in range(size)],
        labels=np.asarray(labels, np.int64),
        digests=np.asarray(digests, np.uint64),
        **(named | columns),
    )


def sides(protocol, table):
    return [side.tolist() for side in train_and_test(protocol, table)]


def test_by_column():
    table = table_of(6, camera=[1, 2, 3, 1, 2, 3], labels=[0, 1, 2, 0, 1, -1])
    assert sides(Protocol("p", column="camera", test=("3",)), table) == [[0, 1, 3, 4], [2]]
    assert sides(Protocol("p", column="camera", train=("1",)), table) == [[0, 3], [1, 2, 4]]
    both = Protocol("p", column="camera", train=("1",), test=("2",), excluded_ids=("c00003",))
    assert sides(both, table) == [[0], [1, 4]]


def test_by_ids():
    table = table_of(4)
    # An archive may hold a part of the data set: ids that are not there are no error.
    assert sides(Protocol("p", test_ids=("c00001", "gone")), table) == [[0, 2, 3], [1]]
    both = Protocol("p", train_ids=("c00000",), test_ids=("c00003",))
    assert sides(both, table) == [[0], [3]]


def test_identical_test_clips_are_left_out():
    table = table_of(6, digests=[7, 8, 0, 7, 0, 9], camera=[1, 1, 1, 2, 2, 2])
    plain = Protocol("p", column="camera", test=("2",))
    clean = Protocol("p", column="camera", test=("2",), drop_test_duplicates=True)
    assert sides(plain, table)[1] == [3, 4, 5]
    # Clip 4 shows nobody, as clip 2 does: that makes it no copy.
    assert sides(clean, table)[1] == [4, 5]


def test_clips_without_the_column_are_an_error():
    table = table_of(3, subject=["a", None, "b"])
    with pytest.raises(ProtocolError, match=r"1 of 3 clips do not have \('c00001'\)"):
        train_and_test(Protocol("p", column="subject", test=("a",)), table)
    unlabelled = table_of(3, subject=["a", None, "b"], labels=[0, -1, 0])
    assert sides(Protocol("p", column="subject", test=("a",)), unlabelled) == [[2], [0]]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"column": "subject"},
        {"train": ("a",)},
        {"column": "subject", "test": ("a",), "test_ids": ("b",)},
        {"column": "colour", "test": ("a",)},
        {"test_ids": ("a",), "separates": ("colour",)},
        {"column": "subject", "train": ("a", "b"), "test": ("b",)},
    ],
)
def test_declarations_that_contradict_themselves(options):
    with pytest.raises(ProtocolError, match="protocol 'p'"):
        Protocol("p", **options)


def test_protocols_are_json():
    full = Protocol(
        "p", ("subject",), "subject", ("a",), ("b",), None, None, True, ("c",), 5, "note"
    )
    assert Protocol.from_dict(full.to_dict()) == full
    assert Protocol("p", test_ids=("a",)).to_dict() == {"name": "p", "test_ids": ["a"]}
    for bad in ({"colour": 1}, {"test_ids": "abc"}, {"test_ids": [1]}, {"note": None}):
        with pytest.raises(ProtocolError, match="bad entry"):
            Protocol.from_dict({"name": "p", "test_ids": ["a"]} | bad)
    with pytest.raises(ProtocolError, match="no name"):
        Protocol.from_dict({"test_ids": ["a"]})


def test_parts_without_clips_are_errors():
    table = table_of(6, camera=[1] * 6)
    with pytest.raises(ProtocolError, match="leaves test without clips"):
        split(Protocol("p", column="camera", test=("2",)), table)
    with pytest.raises(ProtocolError, match="leaves train without clips"):
        split(Protocol("p", column="camera", train=("2",)), table)
    with pytest.raises(ProtocolError, match="one clip to train"):
        split(Protocol("p", train_ids=("c00000",)), table)


def test_validation_is_the_nearest_choice_of_whole_subjects():
    sizes = {"a": 40, "b": 30, "c": 17, "d": 13}
    subject = [name for name, size in sizes.items() for _ in range(size)]
    table = table_of(100, subject=subject, source=[str(i) for i in range(100)])
    for seed in range(5):
        validation = cut_validation(table, np.arange(100), seed=seed)
        # 13 and 17 are equally near to 15.
        assert {subject[i] for i in validation} in ({"c"}, {"d"})
        assert len(validation) == sizes[subject[validation[0]]]


def test_validation_by_source_and_by_clip():
    source = [str(i // 5) for i in range(100)]
    table = table_of(100, subject=["only"] * 100, source=source)
    validation = cut_validation(table, np.arange(100))
    assert len(validation) == 15 and len({source[i] for i in validation}) == 3
    table = table_of(100, subject=[None, *["a", "b", "c"] * 33])
    assert len(cut_validation(table, np.arange(100))) == 15


def test_every_class_keeps_a_training_clip_where_possible():
    subject = [name for name in "abcdefg" for _ in range(10)]
    # Subject b alone shows class 1.
    labels = [1 if name == "b" else 0 for name in subject]
    table = table_of(70, subject=subject, labels=labels)
    for seed in range(20):
        validation = cut_validation(table, np.arange(70), seed=seed)
        assert len(validation) == 10
        assert "b" not in {subject[i] for i in validation}
    # Each class has one clip: one of them has to go.
    assert len(cut_validation(table_of(4, labels=range(4)), np.arange(4))) == 1


def test_of_sums_as_near_the_evenest_classes_are_chosen():
    # Sources show one class each, in very different numbers of clips.
    sizes = [12, 3, 2, 1, 1, 1] * 5
    source = [str(i) for i, size in enumerate(sizes) for _ in range(size)]
    labels = [i // 6 for i, size in enumerate(sizes) for _ in range(size)]
    table = table_of(100, source=source, labels=labels)
    for seed in range(5):
        validation = cut_validation(table, np.arange(100), seed=seed)
        assert abs(len(validation) - 15) <= 1
        counts = np.bincount([labels[i] for i in validation], minlength=5)
        assert counts.max() - counts.min() <= 2


def test_the_seed_chooses():
    table = table_of(200, subject=[str(i % 20) for i in range(200)])
    cuts = [tuple(cut_validation(table, np.arange(200), seed=s)) for s in (0, 0, 1, 2, 3)]
    assert cuts[0] == cuts[1]
    assert len(set(cuts)) > 1


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(-1, 4), st.none() | st.integers(0, 6), st.integers(0, 8)),
        min_size=2,
        max_size=60,
    ),
    st.integers(0, 3),
)
def test_parts_are_disjoint_and_whole(rows, seed):
    labels, subjects, sources = zip(*rows, strict=True)
    texts = [None if s is None else str(s) for s in subjects]
    table = table_of(len(rows), labels=labels, subject=texts, source=[f"v{s}" for s in sources])
    labelled = np.flatnonzero(table.labels >= 0)
    protocol = random_protocol(table)
    assert protocol == random_protocol(table)
    if len(labelled) < 3:
        return
    train, test = train_and_test(protocol, table)
    assert len(train) and len(test)
    assert sorted([*train, *test]) == labelled.tolist()
    for column in protocol.separates:
        values = table.column(column)
        assert not {values[i] for i in train} & {values[i] for i in test}
    if len(train) > 1:
        parts = split(protocol, table, seed=seed)
        assert sorted([*parts["train"], *parts["validation"]]) == train.tolist()
        assert len(parts["train"]) and len(parts["validation"])
        assert all(part.dtype == np.int64 for part in parts.values())


def test_random_does_not_depend_on_the_order_of_clips(clips, tmp_path):
    one = write_archive(tmp_path / "a", clips, "abc")
    other = write_archive(tmp_path / "b", clips[::-1], "abc")
    assert set(one.protocols) == {"random"}
    assert one.protocols["random"] == other.protocols["random"]
    for part in ("train", "validation", "test"):
        ids = {one.ids[i] for i in one.split("random")[part]}
        assert ids == {other.ids[i] for i in other.split("random")[part]}
    assert len(one.split("random")["test"]) == 6  # one subject of five


def test_group_names():
    names = [f"setting_{s}_{i:02d}" for s in (1, 2) for i in range(1, 31)]
    names += ["fold_10", "fold_2", "fold_1", "cross_subject", "split_1"]
    assert expand_names("cross_subject", names) == ["cross_subject"]
    assert expand_names("folds", names) == ["fold_1", "fold_2", "fold_10"]
    assert expand_names("splits", names) == ["split_1"]
    assert expand_names("setting_2", names) == [f"setting_2_{i:02d}" for i in range(1, 31)]
    with pytest.raises(ProtocolError, match="there are .*did you mean 'cross_subject'"):
        expand_names("cross_subjct", names)


def test_an_archive_offers_its_protocols(clips, tmp_path):
    folds = [Protocol(f"fold_{s}", ("subject",), "subject", test=(s,)) for s in "012"]
    archive = write_archive(tmp_path / "a", clips, "abc", protocols=folds)
    assert list(archive.protocols) == ["fold_0", "fold_1", "fold_2", "random"]
    assert archive.protocol_names("folds") == ["fold_0", "fold_1", "fold_2"]
    assert archive.split("fold_1")["test"].tolist() == list(range(1, 30, 5))
    with pytest.raises(ProtocolError, match="stands for 3 protocols"):
        archive.split("folds")
    own = archive.split(Protocol("mine", test_ids=(clips[4].id,)), seed=3)
    assert own["test"].tolist() == [4]
