import dataclasses
from typing import Literal

import pytest
import torch

from gesta.errors import LayoutError, ModelError
from gesta.models import (
    Paper,
    SkeletonModel,
    count,
    create_model,
    list_models,
    model_entry,
    register_model,
)
from gesta.models import registry as registry_module
from gesta.models.options import convert, read_options, type_name

PAPER = Paper("A title", "Somebody", "Nowhere", 2000, "@misc{x}")


class Tiny(SkeletonModel):
    def __init__(self, *sizes, depth):
        super().__init__(*sizes)
        self.head = torch.nn.Linear(self.channels * len(self.layout), self.num_classes)
        self.depth = depth

    def forward(self, poses, mask=None):
        self.check_inputs(poses, mask)
        return self.head(poses.mean((1, 2)).flatten(1))


@pytest.fixture
def tiny(monkeypatch):
    """A registry with one more model."""
    monkeypatch.setattr(registry_module, "_MODELS", dict(registry_module._MODELS))

    @register_model("tiny", inputs=("poses", "mask"), paper=PAPER, small={"depth": 1})
    def build(layout, num_classes, channels, frames, persons, *, depth: int = 3, rate: float = 0.5):
        return Tiny(layout, num_classes, channels, frames, persons, depth=depth)

    return build


def test_a_registered_model_is_there(tiny):
    assert "tiny" in list_models() and list_models() == sorted(list_models())
    entry = model_entry("tiny")
    assert entry.paper is PAPER and str(PAPER) == "Somebody: A title. Nowhere, 2000"
    assert [str(o) for o in entry.options.values()] == ["depth: int = 3", "rate: float = 0.5"]
    model = create_model("tiny", "sbu_15", 4, 2, 16, 1, depth=5)
    assert (model.depth, model.options) == (5, {"depth": 5, "rate": 0.5})
    assert (model.name, model.frames, model.persons, model.channels) == ("tiny", 16, 1, 2)


def test_duplicates_raise(tiny):
    with pytest.raises(ModelError, match="registered already"):
        register_model("tiny", inputs=("poses",), paper=PAPER)(tiny)


def test_options_need_a_type_and_a_default():
    def untyped(layout, *, depth=3): ...

    def unset(layout, *, depth: int): ...

    for builder in (untyped, unset):
        with pytest.raises(ModelError, match="'depth'.*a type and a default"):
            read_options(builder)


def test_options_are_told_as_the_docstring_does():
    def build(layout, *, depth: int = 3, width: int = 2, rate: float = 0.5):
        """Build.

        Args:
            layout: not an option.
            depth, width: of the whole network, which
                may take a line more.
        """

    options = read_options(build)
    both = "of the whole network, which may take a line more."
    assert [option.told for option in options.values()] == [both, both, ""]


@pytest.mark.parametrize("name", list_models())
def test_every_option_of_a_model_is_explained(name):
    assert [o.name for o in model_entry(name).options.values() if not o.told] == []


def test_small_options_are_checked_at_registration():
    def build(layout, *, depth: int = 3): ...

    with pytest.raises(ModelError, match="no option 'width'"):
        register_model("broken", inputs=("poses",), paper=PAPER, small={"width": 1})(build)
    assert "broken" not in list_models()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "stgcn"}, "did you mean 'st_gcn'"),
        ({"widht": 3}, "did you mean 'width'.*blocks: 9 or 10 = 10"),
        ({"width": "3"}, "width: expected int, found '3'"),
        ({"width": True}, "width: expected int"),
        ({"blocks": 8}, "blocks: expected 9 or 10, found 8"),
        ({"blocks": 10.0}, "blocks"),
        ({"dropout": 1.5}, "dropout"),
        ({"temporal_kernel": 4}, "odd temporal_kernel"),
        ({"num_classes": 0}, "num_classes: expected a whole number of at least 1, found 0"),
        ({"channels": 2.0}, "channels"),
        ({"frames": 0}, "frames"),
        ({"persons": True}, "persons"),
    ],
)
def test_what_is_wrong_is_said(arguments, message):
    with pytest.raises(ModelError, match=message):
        create_model(**{"name": "st_gcn", **arguments})


def test_an_unknown_layout_is_a_layout_error():
    with pytest.raises(LayoutError):
        create_model("st_gcn", "kinect")


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, float, 1.0),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, 2.5], tuple[int, float], (1, 2.5)),
        (None, int | None, None),
        ("a", Literal["a", "b"], "a"),
        (False, bool, False),
    ],
)
def test_values_are_converted(value, hint, expected):
    found = convert(value, hint)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (True, float),
        (1, bool),
        (1, str),
        ("a", int | None),
        (1, Literal["a"]),
        (True, Literal[1, 2]),
        ("ab", tuple[str, ...]),
        ([1, 2, 3], tuple[int, int]),
        (["a"], tuple[int, ...]),
        (None, int),
    ],
)
def test_values_of_another_type_are_refused(value, hint):
    with pytest.raises(ValueError):
        convert(value, hint)


def test_types_are_written_for_people():
    assert type_name(int | None) == "int or None"
    assert type_name(Literal[9, 10]) == "9 or 10"


def test_counting_leaves_the_model_alone_and_counts_what_it_was_made_for(tiny):
    model = create_model("tiny", "sbu_15", 4, 2, frames=5)
    cost = count(model, frames=99)
    assert cost.parameters == 30 * 4 + 4 and cost.multiply_adds == 30 * 4
    assert [dataclasses.astuple(layer)[:4] for layer in cost.layers] == [
        ("head", "Linear", (), (1, 4))
    ]
    assert next(model.parameters()).device.type == "cpu"
    assert not model.head._forward_hooks
    assert cost.by_kind == {"linear": 120}
