import pytest

from gesta.errors import RecipeError
from gesta.transforms import AugmentOptions, InputOptions


def test_the_defaults_change_nothing_in_space():
    options = AugmentOptions()
    assert not options.deforms and options.crop == (1.0, 1.0)
    assert AugmentOptions(mirror=0.5).deforms and not AugmentOptions(jitter=0.5).deforms


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling": "resiz"}, "input.sampling: expected resize, uniform.*'resiz'"),
        ({"centre": "hips"}, "input.centre"),
        ({"view": "top"}, "input.view"),
        ({"size": "head"}, "input.size"),
        ({"frames": 0}, "input.frames: expected at least 1, found 0"),
        ({"persons": -1}, "input.persons"),
        ({"views": 0}, "input.views"),
        ({"segments": 0}, "input.segments"),
        ({"crop": 0.0}, "input.crop"),
        ({"crop": 1.5}, "input.crop"),
        ({"frames": None}, "goes with no input.frames"),
        ({"sampling": "all"}, "goes with no input.frames"),
        ({"sampling": "window", "views": 2}, "all windows"),
        ({"sampling": "window", "segments": 2}, "all windows"),
        ({"views": 2}, "would all be alike"),
        ({"size": "frame", "centre": "none"}, "not centred"),
    ],
)
def test_input_that_cannot_be_is_refused(changes, message):
    with pytest.raises(RecipeError, match=message):
        InputOptions(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": (0.0, 1.0)}, "augment.crop"),
        ({"crop": (0.9, 0.5)}, "augment.crop"),
        ({"crop": (0.5, 1.1)}, "augment.crop"),
        ({"rotation": -1.0}, "augment.rotation: expected at least 0, found -1.0"),
        ({"jitter": float("nan")}, "augment.jitter"),
        ({"scale": 1.0}, "augment.scale"),
        ({"mirror": 1.1}, "augment.mirror"),
        ({"joint_dropout": -0.1}, "augment.joint_dropout"),
        ({"frame_dropout": 2.0}, "augment.frame_dropout"),
    ],
)
def test_augmentation_that_cannot_be_is_refused(changes, message):
    with pytest.raises(RecipeError, match=message):
        AugmentOptions(**changes)


def test_what_goes_together_is_accepted():
    assert InputOptions(sampling="all", frames=None).frames is None
    assert InputOptions(crop=0.9, views=3).views == 3
    assert InputOptions(sampling="uniform", views=10).views == 10
    assert InputOptions(size="frame", centre="none", view="va_pre").size == "frame"
