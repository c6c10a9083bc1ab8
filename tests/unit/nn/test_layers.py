import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gesta.nn import Dropout, GraphConvolution, Observed, any_in_stride, fold_batch_norm, observed
from gesta.nn.fold import fold_into_convolution
from gesta.nn.norm import MaskedBatchNorm
from gesta.skeleton import get_layout, partition

SBU = get_layout("sbu_15")


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 4))
def test_a_strided_frame_is_valid_where_any_of_its_frames_is(keep, stride):
    found = any_in_stride(torch.tensor([keep]), stride)[0].tolist()
    assert found == [any(keep[t : t + stride]) for t in range(0, len(keep), stride)]


@pytest.mark.parametrize("importance", [True, False])
def test_graph_convolution_is_its_equation(importance):
    generator = torch.Generator().manual_seed(0)
    subsets = partition(SBU)
    graph = GraphConvolution(3, 5, subsets, importance=importance).double()
    edges = torch.from_numpy(subsets).double()
    if importance:
        graph.importance.data.uniform_(0.5, 2, generator=generator)
        edges = edges * graph.importance
    else:
        assert graph.importance is None
    torch.testing.assert_close(graph.edges(), edges)
    x = torch.randn(2, 3, 4, 15, generator=generator, dtype=torch.float64)
    sent = torch.einsum("oki,ritv->rktvo", graph.weight, x) + graph.bias[:, None, None]
    expected = torch.einsum("rktvo,kvw->rotw", sent, edges)
    found = graph(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(graph.float()(x.float()).double(), expected, rtol=1e-4, atol=1e-5)


def test_graph_convolution_absorbs_a_norm():
    graph = GraphConvolution(3, 4, partition(SBU))
    x, scale, shift = torch.ones(1, 3, 2, 15), torch.rand(4) + 1, torch.rand(4)
    expected = graph(x) * scale[:, None, None] + shift[:, None, None]
    keys = graph.state_dict().keys()
    graph.absorb(scale, shift)
    torch.testing.assert_close(graph(x), expected)
    assert graph.state_dict().keys() == keys


class Pair(nn.Module):
    """A convolution and its norm, which folds."""

    def __init__(self, bias=True):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 1, bias=bias), MaskedBatchNorm(4)

    def forward(self, x):
        return self.norm(self.convolution(x))

    def fold_batch_norm(self):
        fold_into_convolution(self.convolution, self.norm)


@pytest.mark.parametrize("bias", [True, False])
def test_folding_makes_a_copy_that_computes_the_same(bias):
    model = nn.Sequential(Pair(bias)).train()
    model[0].norm.running_mean.uniform_(), model[0].norm.running_var.uniform_(0.5, 2)
    x = torch.rand(2, 3, 4, 5)
    folded = fold_batch_norm(model)
    assert model.training and not model[0].norm.folded and folded[0].norm.folded
    torch.testing.assert_close(folded(x), model.eval()(x))
    torch.testing.assert_close(fold_batch_norm(folded)(x), model(x))
    assert folded.state_dict().keys() == model.state_dict().keys()
    model.load_state_dict(folded.state_dict())
    torch.testing.assert_close(folded(x), model(x))


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.999])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2), (2, 0, 3, 1)])
def test_dropout_drops_its_share_and_keeps_the_mean(p, order):
    x = torch.ones(8, 20, 25, 16).permute(order)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        y = Dropout(p)(x)
    assert abs((y == 0).double().mean().item() - p) < 0.01
    kept = y[y != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - p)), rtol=0.02, atol=0)
    assert y.stride() == x.stride()


def test_dropout_follows_the_seed_and_is_off_in_evaluation():
    x, dropout = torch.ones(1000), Dropout(0.5)
    results = []
    with torch.random.fork_rng(devices=[]):
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            results.append(dropout(x))
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])
    assert dropout.eval()(x) is x


def test_dropout_of_memory_with_gaps_or_overlap_and_of_nothing():
    dropout = Dropout(0.5)
    for x in (torch.ones(50, 4)[::2], torch.ones(1, 8).expand(64, 8), torch.ones(0, 3)):
        y = dropout(x)
        assert y.shape == x.shape and set(y.unique().tolist()) <= {0.0, 2.0}
    expanded = dropout(torch.ones(1, 8).expand(64, 8))
    assert not torch.equal(expanded, expanded[:1].expand(64, 8))


def test_dropout_passes_gradients_where_it_keeps():
    x = torch.ones(4096, requires_grad=True)
    y = Dropout(0.25)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_observed_is_the_identity_with_named_axes():
    model = nn.Sequential(nn.Linear(2, 2), Observed(("rows", "query")))
    seen = []
    model[1].register_forward_hook(lambda part, _, out: seen.append((part.names, out)))
    out = model(torch.ones(3, 2))
    assert seen[0][0] == ("rows", "query") and seen[0][1] is out
    assert list(observed(model)) == ["1"] and not observed(model)["1"].active
    with pytest.raises(ValueError, match="query"):
        model[1](torch.ones(3))


def test_graph_convolution_counts_dense_products_as_published():
    graph = GraphConvolution(3, 8, np.ones((2, 5, 5), dtype=np.float32))
    positions = 2 * 7 * 5
    assert graph.multiply_adds(torch.empty(2, 8, 7, 5)) == {
        "linear": positions * 2 * 3 * 8,
        "adjacency": positions * 2 * 5 * 8,
    }
