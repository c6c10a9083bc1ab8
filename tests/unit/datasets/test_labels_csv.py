import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.datasets.labels_csv import class_order, parse_labels
from gesta.errors import FormatError


def test_every_column_is_read():
    header = "file,label,subject,camera,setup,replication,source,split,id"
    data = f"{header}\na/b.npz,wave,anna,2,3,4,tape,Train,one\nc.csv,,,,,,,,\n".encode()
    labels = parse_labels(data, "x/labels.csv")
    assert list(labels.rows) == ["x/a/b.npz", "x/c.csv"] and labels.classes == ("wave",)
    one, other = labels.rows.values()
    assert (one.line, one.id, one.label, one.split) == (2, "one", "wave", "train")
    assert one.recording == {
        "subject": "anna",
        "source": "tape",
        "camera": 2,
        "setup": 3,
        "replication": 4,
    }
    assert (other.id, other.label, other.split) == ("c", "", "")
    assert set(other.recording.values()) == {None}


def test_quotes_blanks_and_a_byte_order_mark():
    data = b'\xef\xbb\xbffile , label\r\n\r\n"a, b.npz", "wave"\r\n'.replace(
        b', "wave"', b',"wave"'
    )
    labels = parse_labels(data, "labels.csv")
    assert list(labels.rows) == ["a, b.npz"] and labels.classes == ("wave",)


def test_classes_are_sorted_by_name_or_as_numbers():
    assert class_order({"wave", "clap"}) == ("clap", "wave")
    assert class_order({"10", "9", "1"}) == ("1", "9", "10")
    assert class_order({"10", "9", "none"}) == ("10", "9", "none")


BAD = {
    "empty": (b"", "nothing (0 bytes)"),
    "binary": (b"\xff\x00", "binary data"),
    "no rows": (b"file,label\n", "line 2"),
    "no label": (b"file\na.npz\n", "line 1: expected columns file,label"),
    "unknown column": (b"file,label,mood\na.npz,x,y\n", "file,label,mood"),
    "a column twice": (b"file,label,label\na.npz,x,y\n", "line 1"),
    "a cell less": (b"file,label\na.npz,x\nb.npz\n", "line 3: expected 2 cells, found 1"),
    "a file twice": (b"file,label\na.npz,x\na.npz,x\n", "line 3, column file"),
    "an id twice": (b"file,label,id\na.npz,x,1\nb.npz,x,1\n", "(first in line 2)"),
    "no file": (b"file,label\n,x\n", "line 2, column file"),
    "a way out": (b"file,label\n../a.npz,x\n", "line 2, column file"),
    "a root": (b"file,label\n/a.npz,x\n", "line 2, column file"),
    "camera in words": (b"file,label,camera\na.npz,x,left\n", "line 2, column camera"),
    "another split": (b"file,label,split\na.npz,x,dev\n", "line 2, column split"),
}


@pytest.mark.parametrize(("data", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_with_its_line(data, said):
    with pytest.raises(FormatError) as caught:
        parse_labels(data, "labels.csv")
    assert "labels.csv" in str(caught.value) and said in str(caught.value)


@given(st.binary(max_size=100))
def test_any_bytes_give_a_table_or_a_message(rest):
    try:
        assert parse_labels(b"file,label\n" + rest, "labels.csv").rows
    except FormatError as error:
        assert "labels.csv" in str(error)
