import math

import pytest

from gesta.errors import RecipeError
from gesta.training import ScheduleOptions, learning_rate


def rates(epochs, losses=(), **options):
    schedule = ScheduleOptions(**options)
    return [learning_rate(schedule, 0.2, epochs, epoch, losses[:epoch]) for epoch in range(epochs)]


def test_warm_up_rises_linearly_to_the_base():
    assert rates(6, name="constant", warmup=3) == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2, 0.2])


def test_cosine_in_closed_form():
    found = rates(12, name="cosine", warmup=2, minimum=0.1)
    assert found[:2] == pytest.approx([0.2 / 3, 0.4 / 3])
    for epoch in range(2, 12):
        share = 0.5 * (1 + math.cos(math.pi * (epoch - 2) / 10))
        assert found[epoch] == pytest.approx(0.2 * (0.1 + 0.9 * share))
    assert found[2] == pytest.approx(0.2)
    assert found[7] == pytest.approx(0.2 * 0.55)


def test_step_falls_at_each_milestone():
    found = rates(6, name="step", milestones=(2, 4), factor=0.5)
    assert found == pytest.approx([0.2, 0.2, 0.1, 0.1, 0.05, 0.05])


def test_plateau_falls_after_patience_epochs_without_a_new_minimum():
    losses = [1.0, 0.9, 0.95, 0.91, 0.92, 0.93, 0.5, 0.6]
    found = rates(8, losses, name="plateau", patience=2, factor=0.1)
    # Epochs 2 and 3 brought nothing: from 4 on a tenth; so did 4 and 5: from 6 on a hundredth.
    assert found == pytest.approx([0.2, 0.2, 0.2, 0.2, 0.02, 0.02, 0.002, 0.002])
    floor = rates(8, losses, name="plateau", patience=2, factor=0.1, minimum=0.05)
    assert floor[-1] == pytest.approx(0.2 * 0.05)


def test_replay_gives_the_rates_of_another_run():
    assert rates(3, name="replay", rates=(0.3, 0.2, 0.1)) == [0.3, 0.2, 0.1]
    with pytest.raises(RecipeError, match="2 epochs"):
        rates(3, name="replay", rates=(0.3, 0.2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warmup": -1}, "schedule.warmup: expected at least 0"),
        ({"minimum": 1.5}, "schedule.minimum"),
        ({"factor": 1.0}, "schedule.factor"),
        ({"patience": 0}, "schedule.patience"),
        ({"milestones": (50, 10)}, "rising order"),
        ({"rates": (0.1,)}, "replay"),
        ({"name": "replay"}, "replay"),
        ({"minimum": float("nan")}, "schedule.minimum"),
    ],
)
def test_values_out_of_range(options, message):
    with pytest.raises(RecipeError, match=message):
        ScheduleOptions(**options)
