import pytest

from gesta.errors import FormatError
from gesta.training import EpochRecord
from gesta.training.history import (
    best_epoch,
    has_stalled,
    is_better,
    read_log,
    watched,
    write_log,
)


def record(epoch, top1=50.0, loss=1.0):
    return EpochRecord(epoch, 0.1, 2.0, 40.0, loss, top1, 1.0, 0.1)


def test_better_is_a_higher_top1_then_a_lower_loss_then_an_earlier_epoch():
    assert is_better(record(1, 51.0, 9.0), record(0, 50.0, 1.0))
    assert is_better(record(1, 50.0, 0.9), record(0, 50.0, 1.0))
    assert not is_better(record(1), record(0))
    assert is_better(record(0, None, None), None)
    history = [record(0), record(1, 60.0), record(2, 60.0), record(3, 55.0, 0.1)]
    assert best_epoch(history).epoch == 1
    assert best_epoch([]) is None


def test_stalling_counts_epochs_since_the_best():
    history = [record(0), record(1, 60.0), record(2), record(3)]
    assert has_stalled(history, 2) and not has_stalled(history, 3)
    assert not has_stalled(history, 0) and not has_stalled([], 2)
    assert not has_stalled(history[:3], 2)


def test_a_log_reads_back(tmp_path):
    history = [record(0), record(1, None, None)]
    write_log(tmp_path / "log.jsonl", history)
    assert read_log(tmp_path / "log.jsonl") == history


def test_what_a_plateau_watches_is_lower_where_better():
    history = [record(0), record(1, 60.0, 1.5), record(2, None, None)]
    assert watched(history, "loss") == [1.0, 1.5, float("inf")]
    assert watched(history, "top1") == [-50.0, -60.0, float("inf")]


def test_a_damaged_log_names_the_line(tmp_path):
    write_log(tmp_path / "log.jsonl", [record(0)])
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"epoch": 1}\n')
    with pytest.raises(FormatError, match="line 2"):
        read_log(tmp_path / "log.jsonl")
