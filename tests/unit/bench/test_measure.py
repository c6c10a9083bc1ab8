"""Timings compare modes of one model within one run."""

import pytest

from gesta.bench import measure
from gesta.cli import main
from gesta.errors import ModelError
from gesta.models import create_model, model_entry


def test_ratios_refer_to_eager():
    model = create_model("st_gcn", "coco_17", 5, width=4, temporal_kernel=3)
    timings = measure(model, frames=8, persons=1, modes=("folded", "bf16"), rounds=3)
    assert [timing.mode for timing in timings] == ["eager", "folded", "bf16"]
    eager = timings[0]
    assert eager.ratio == 1
    for timing in timings:
        assert timing.ratio == pytest.approx(eager.latency_ms / timing.latency_ms)
        assert timing.throughput == pytest.approx(1000 / timing.latency_ms)
    assert model.training


def test_models_that_take_video():
    options = {**model_entry("cross_attention").small, "frames": 4}
    model = create_model("cross_attention", "coco_17", 5, **options)
    (timing,) = measure(model, frames=4, persons=1, modes=(), rounds=1)
    assert timing.latency_ms > 0


def test_unknown_mode():
    model = create_model("st_gcn", "coco_17", 5, width=4)
    with pytest.raises(ModelError, match="fast"):
        measure(model, frames=8, persons=1, modes=("fast",))


def test_unknown_model_on_the_command_line(capsys):
    assert main(["bench", "st_gnc"]) == 1
    assert "did you mean 'st_gcn'" in capsys.readouterr().err
