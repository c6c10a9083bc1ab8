import logging

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gesta.errors import ModelError
from gesta.models import create_model, load_weights
from gesta.models.st_gcn import from_published
from gesta.nn import fold_batch_norm


def make(seed=0, **options):
    given = {"num_classes": 4, "width": 4, "temporal_kernel": 3, **options}
    return create_model("st_gcn", "sbu_15", **given, generator=torch.Generator().manual_seed(seed))


def same(one, other):
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


@pytest.fixture
def model():
    return make()


def published(model):
    """The weights of a model under the names of the published code."""
    names = {
        "input_norm": "data_bn",
        "head": "fcn",
        "blocks": "st_gcn_networks",
        "graph_norm": "tcn.0",
        "temporal": "tcn.2",
        "temporal_norm": "tcn.3",
        "shortcut": "residual.0",
        "shortcut_norm": "residual.1",
        "graph": "gcn.conv",
    }
    state = {"A": model.blocks[0].graph.adjacency}
    for name, value in model.state_dict().items():
        if name.endswith("importance"):
            state[f"edge_importance.{name.split('.')[1]}"] = value
            continue
        if name.endswith("graph.weight"):
            value = value.permute(1, 0, 2).flatten(0, 1)[..., None, None]
        elif name.endswith("graph.bias"):
            value = value.flatten()
        elif name == "head.weight":
            value = value[..., None, None]
        state[".".join(names.get(part, part) for part in name.split("."))] = value
    state["data_bn.num_batches_tracked"] = torch.tensor(7)
    return state


def test_every_kind_of_file(model, tmp_path):
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "b.pt")
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "c.pth")
    arrays = {name: value.numpy() for name, value in state.items()}
    np.savez(tmp_path / "d.npz", **arrays)
    prefixed = {f"weight/{name}": value for name, value in arrays.items()}
    np.savez(tmp_path / "e.npz", logits=np.ones(3), **prefixed)
    for weights in (*sorted(tmp_path.iterdir()), state, arrays):
        other = make(seed=1)
        assert not same(other, model)
        assert load_weights(other, weights) == [] and same(other, model)


@pytest.mark.parametrize("options", [{}, {"blocks": 9}, {"partition": "uniform"}])
def test_published_names(options):
    model, other = make(**options), make(seed=1, **options)
    load_weights(other, published(model))
    assert same(other, model)


def test_published_names_without_edge_importance():
    model, other = make(edge_importance=False), make(seed=1, edge_importance=False)
    load_weights(other, published(model))
    assert same(other, model)


def test_own_names_are_not_taken_for_published_ones(model):
    assert from_published(model.state_dict()) is None


def test_another_graph_is_said(model, caplog):
    with caplog.at_level(logging.WARNING, "gesta.models"):
        load_weights(make(partition="spatial"), published(model))
        assert not caplog.records
        load_weights(make(partition="spatial_official"), published(model))
    assert "another graph" in caplog.text


def test_half_precision_weights_keep_the_model_in_single(model):
    load_weights(model, {name: value.half() for name, value in model.state_dict().items()})
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_what_does_not_fit_is_listed_and_nothing_is_loaded(model):
    state = dict(make(seed=1).state_dict())
    del state["input_norm.bias"]
    state["stranger"] = torch.ones(2)
    state["head.bias"] = torch.ones(9)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ModelError) as caught:
        load_weights(model, state)
    for part in (
        "missing: input_norm.bias",
        "not of this model: stranger",
        "head.bias: expected (4,), found (9,)",
    ):
        assert part in str(caught.value)
    assert all(map(torch.equal, model.state_dict().values(), before.values()))


def test_a_missing_trunk_is_an_error_even_where_the_head_is_replaced(model):
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("input_norm")}
    with pytest.raises(ModelError, match="missing: input_norm"):
        load_weights(model, state, replace_head=True)


def test_a_replaced_head_needs_none_in_the_file_and_ignores_one(model):
    other = make(seed=1, num_classes=7)
    own_head = other.head.weight.clone()
    expected = ["head.weight", "head.bias"]
    assert load_weights(other, model.state_dict(), replace_head=True) == expected
    assert torch.equal(other.head.weight, own_head)
    trunk = {k: v for k, v in model.state_dict().items() if not k.startswith("head")}
    assert load_weights(other, trunk, replace_head=True) == expected
    assert load_weights(other, published(model), replace_head=True) == expected


def test_a_folded_model_takes_no_weights(model):
    with pytest.raises(ModelError, match="folded"):
        load_weights(fold_batch_norm(model), model.state_dict())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.safetensors", b"\x00" * 40),
        ("a.safetensors", b""),
        ("a.pt", b"not a checkpoint"),
        ("a.pt", b""),
        ("a.npz", b"PK\x03\x04broken"),
        ("a.npz", b""),
        ("a.bin", b"x"),
    ],
)
def test_files_that_cannot_be_read_are_named(model, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_weights(model, path)


class Runs:
    """What a hostile pickle would do."""

    def __reduce__(self):
        return exec, ("raise SystemExit('the pickle ran')",)


def test_no_pickle_runs_code(model, tmp_path):
    torch.save({"head.bias": Runs()}, tmp_path / "a.pt")
    np.savez(tmp_path / "a.npz", **{"head.bias": np.array([Runs()], dtype=object)})
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(ModelError, match="cannot be read"):
            load_weights(model, path)


def test_what_is_missing_or_no_tensor(model, tmp_path):
    torch.save([1, 2], tmp_path / "list.pt")
    for weights, message in (
        (tmp_path / "nothing.pt", "cannot be read"),
        (tmp_path / "list.pt", "mapping"),
        ({"head.bias": object()}, "head.bias: expected a tensor"),
        ({}, "no tensors"),
    ):
        with pytest.raises(ModelError, match=message):
            load_weights(model, weights)
