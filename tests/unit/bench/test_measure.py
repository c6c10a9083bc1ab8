"""Timings compare modes of one model within one run."""

from pathlib import Path

import pytest
import torch

from gesta.bench import measure
from gesta.bench.memory import peak_memory
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


@pytest.mark.parametrize("name", ["cross_attention", "mmff"])
def test_a_training_step_takes_more_than_a_pass(name):
    options = {**model_entry(name).small, "frames": 4}
    model = create_model(name, "coco_17", 5, **options)
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    modes = ("train", "train_bf16")
    timings = measure(model, frames=4, persons=1, batch=2, modes=modes, rounds=1)
    assert [timing.mode for timing in timings] == ["eager", *modes]
    assert timings[1].ratio < 1
    for key, value in model.state_dict().items():
        assert torch.equal(value, weights[key])


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells")
def test_memory_is_the_peak_beyond_what_was_held():
    held = torch.ones(1 << 22)

    def work():
        large = torch.ones(1 << 24)
        return float((large * 2)[0] + held[0])

    # 64 MiB twice; allocators round, and other threads may allocate meanwhile.
    assert 120 < peak_memory(work, torch.device("cpu")) < 200


def test_unknown_mode():
    model = create_model("st_gcn", "coco_17", 5, width=4)
    with pytest.raises(ModelError, match="fast"):
        measure(model, frames=8, persons=1, modes=("fast",))


def test_unknown_model_on_the_command_line(capsys):
    assert main(["bench", "st_gnc"]) == 1
    assert "did you mean 'st_gcn'" in capsys.readouterr().err
