"""Recording what passes observed points, and reading learned edges."""

import numpy as np
import pytest
import torch
from torch import nn

from gesta.errors import ModelError
from gesta.explain import edge_importance, record
from gesta.nn import Observed
from gesta.skeleton import get_layout, partition

LAYOUT = get_layout("sbu_15")


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = Observed(("rows", "query", "key"))

    def forward(self, x):
        if not self.weights.active:
            return nn.functional.scaled_dot_product_attention(x, x, x)
        scores = (x @ x.transpose(1, 2) / x.shape[-1] ** 0.5).softmax(-1)
        return self.weights(scores) @ x


def test_record_gives_what_passed_by_module_path():
    model = nn.Sequential(Attention(), Attention())
    x = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    with record(model) as seen:
        looked = model(x)
        model(x[:1])
    assert list(seen) == ["0.weights", "1.weights"]
    assert seen["0.weights"].names == ("rows", "query", "key")
    assert [tuple(v.shape) for v in seen["1.weights"].values] == [(2, 5, 5), (1, 5, 5)]
    torch.testing.assert_close(seen["0.weights"].values[0].sum(-1), torch.ones(2, 5))
    torch.testing.assert_close(looked, model(x))


def test_record_leaves_no_trace_even_after_an_error():
    model = nn.Sequential(Attention())
    with pytest.raises(RuntimeError), record(model) as seen:
        raise RuntimeError
    model(torch.zeros(1, 5, 4))
    assert not model[0].weights.active
    assert not model[0].weights._forward_hooks
    assert seen["0.weights"].values == []


def test_record_of_a_model_without_attention_is_empty():
    with record(nn.Linear(2, 2)) as seen:
        pass
    assert seen == {}


class Block(nn.Module):
    def __init__(self, importance):
        super().__init__()
        self.register_buffer("adjacency", torch.from_numpy(partition(LAYOUT)))
        self.importance = nn.Parameter(importance)


def test_edges_are_one_where_nothing_was_learned():
    found = edge_importance(nn.Sequential(Block(torch.ones(3, 15, 15))), LAYOUT)
    assert found.blocks == ("0",)
    np.testing.assert_allclose(found.bones, 1)
    np.testing.assert_allclose(found.joints, 1)


def test_an_edge_made_stronger_shows_at_its_bone_and_its_sender():
    child, parent = LAYOUT.bones[4]
    importance = torch.ones(3, 15, 15)
    importance[:, child, parent] = 3
    found = edge_importance(nn.Sequential(Block(importance)), LAYOUT)
    assert found.bones[0].argmax() == 4
    np.testing.assert_allclose(np.delete(found.bones[0], 4), 1)
    assert found.joints[0].argmax() == child
    np.testing.assert_allclose(np.delete(found.joints[0], child), 1)


def test_sign_does_not_matter_as_a_negative_edge_lets_as_much_pass():
    found = edge_importance(nn.Sequential(Block(-2 * torch.ones(3, 15, 15))), LAYOUT)
    np.testing.assert_allclose(found.bones, 2)


def test_models_without_learned_edges_or_of_another_skeleton_are_refused():
    with pytest.raises(ModelError, match="no learned edge importance"):
        edge_importance(nn.Linear(2, 2), LAYOUT)
    with pytest.raises(ModelError, match="expected an adjacency"):
        edge_importance(Block(torch.ones(3, 15, 15)), get_layout("coco_17"))
