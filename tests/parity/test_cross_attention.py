"""Equations 1-4 and Table 2 of cross-attention against literal transcriptions, in float64.

Equation numbers are those of Fan et al., "Context-Aware Cross-Attention for Skeleton-Based Human
Action Recognition"; what SPEC reconstructs is transcribed as it is decided there.
"""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from gesta.models.context_branch import ContextBranch
from gesta.nn import CrossAttention, SelfAttention
from gesta.nn.cross_attention import Combine, Form

EXACT = {"rtol": 1e-9, "atol": 1e-11}
ROWS, CLIPS, FRAMES, JOINTS, D, K, M = 3, 2, 2, 4, 5, 6, 4
CLIP = [0, 1, 1]  # whose context each row looks at


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def weights_of(module):
    """Random weights, put into a module, by name."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(torch.randn(value.shape, generator=generator))
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def drawn():
    generator = np.random.default_rng(0)
    v = generator.normal(size=(ROWS, FRAMES, JOINTS, D))
    return v, generator.normal(size=(CLIPS, FRAMES, K, M))


def relevance_of(form, weights, v, a, scale=1.0):
    """What equations 3 and 4 sum over j, of a joint v (d,) and a context vector a (m,)."""
    w = {name.removeprefix("relevance."): value for name, value in weights.items()}
    if form == "dot":
        theta = w["joint.weight"] @ v + w["joint.bias"]
        phi = w["context.weight"] @ a + w["context.bias"]
        return (theta @ phi) * scale
    both = np.concatenate([v, a])
    first = np.concatenate([w["joint.weight"], w["context.weight"]], 1) @ both + w["joint.bias"]
    if form == "mlp1":
        return first[0]
    return (w["out.weight"] @ relu(first) + w["out.bias"])[0]


def f_cross(form, weights, v, context, pool, scale=1.0):
    """Equations 3 and 4 for a joint v (d,) and the context (k, m) of its frame."""
    each = [relevance_of(form, weights, v, a, scale) for a in context]
    return sigmoid(sum(each) / len(each) if pool == "mean" else max(each))


def f_self(weights, v, prefix="attend."):
    return sigmoid(weights[f"{prefix}gate.weight"] @ v + weights[f"{prefix}gate.bias"])


def attend(weights, v, context, form, combine, pool="mean", residual=True, scale=1.0):
    """Equation 2 for v (R, T, V, d) and context (N, T, k, m)."""
    y = np.zeros_like(v)
    for r, t, i in np.ndindex(v.shape[:3]):
        own = crossed = None
        if combine != "cross_only":
            own = f_self(weights, v[r, t, i])
        if combine != "self_only":
            crossed = f_cross(form, weights, v[r, t, i], context[CLIP[r], t], pool, scale)
        if combine == "average":
            g = (own + crossed) / 2
        elif combine == "multiplication":
            g = np.sqrt(own * crossed)
        else:
            g = own if crossed is None else crossed
        h = v[r, t, i]
        if "trunk.weight" in weights:
            h = weights["trunk.weight"] @ h
        y[r, t, i] = g * h + (v[r, t, i] if residual else 0)
    return y


def ours(module, v, *context):
    """Through the module, which takes (R, C, T, V)."""
    x = torch.from_numpy(v).permute(0, 3, 1, 2)
    return module(x, *context).permute(0, 2, 3, 1).detach().numpy()


def check(form="mlp2", combine="average", pool="mean", scale=1.0, **options):
    module = CrossAttention(D, M, form, combine=combine, pool=pool, **options).double()
    weights, (v, context) = weights_of(module), drawn()
    residual = options.get("residual", True)
    found = ours(module, v, torch.from_numpy(context), torch.tensor(CLIP))
    expected = attend(weights, v, context, form, combine, pool, residual, scale)
    np.testing.assert_allclose(found, expected, **EXACT)


@pytest.mark.parametrize("trunk", ["identity", "linear"])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("width", [D, 3])
def test_equation_1(trunk, residual, width):
    module = SelfAttention(D, width, trunk=trunk, residual=residual).double()
    weights, (v, _) = weights_of(module), drawn()
    expected = np.zeros((*v.shape[:3], width))
    for place in np.ndindex(v.shape[:3]):
        linear = trunk == "linear" or width != D
        h = weights["trunk.weight"] @ v[place] if linear else v[place]
        expected[place] = f_self(weights, v[place], "") * h
        if residual and width == D:
            expected[place] += v[place]
    np.testing.assert_allclose(ours(module, v), expected, **EXACT)


@pytest.mark.parametrize("form", Form.__args__)
@pytest.mark.parametrize("pool", ["mean", "max"])
def test_equations_3_and_4(form, pool):
    check(form, pool=pool)


@pytest.mark.parametrize("combine", Combine.__args__)
def test_operators_of_equation_2(combine):
    check(combine=combine)


@pytest.mark.parametrize("options", [{"trunk": "linear"}, {"residual": False}])
def test_trunk_and_residual(options):
    check(**options)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_a_scaled_dot_product(pool):
    hidden = math.ceil((D + M) / 2)
    check("dot", pool=pool, scale=hidden**-0.5, dot_scale=True)


def normed(weights, name, x, training, stride=1):
    """A 3D convolution without bias, and batch norm written out."""
    kernel = weights[f"{name}.convolution.weight"]
    x = functional.conv3d(x, kernel, None, stride, kernel.shape[2] // 2)
    mean, variance, scale, shift = (
        weights[f"{name}.norm.{part}"].view(1, -1, 1, 1, 1)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    if training:
        mean = x.mean((0, 2, 3, 4), keepdim=True)
        variance = ((x - mean) ** 2).mean((0, 2, 3, 4), keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * scale + shift


def table_2(weights, video, pool, layer2, training):
    """The context branch, layer by layer, with the strides in time of its pool and layer2_1."""
    x = normed(weights, "layer0", video, training, (1, 2, 2)).relu()
    x = functional.max_pool3d(x, 3, (pool, 2, 2), 1)
    for layer, count, stride in (("layer1", 3, 1), ("layer2", 4, (layer2, 2, 2))):
        for number in range(count):
            name, step = f"{layer}.{number}", stride if number == 0 else 1
            y = normed(weights, f"{name}.reduce", x, training).relu()
            y = normed(weights, f"{name}.spread", y, training, step).relu()
            y = normed(weights, f"{name}.expand", y, training)
            shortcut = normed(weights, f"{name}.shortcut", x, training, step) if number == 0 else x
            x = (y + shortcut).relu()
    return x


@pytest.mark.parametrize(("stride", "pool", "layer2"), [(4, 2, 2), (2, 2, 1), (1, 1, 1)])
@pytest.mark.parametrize("training", [True, False])
def test_table_2(stride, pool, layer2, training):
    branch = ContextBranch(4, stride).double().train(training)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in branch.state_dict().items():
            if "norm" in name:
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    weights = {name: value.clone() for name, value in branch.state_dict().items()}
    video = torch.randn(2, 3, 16, 20, 24, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        found = branch(video)
    assert found.shape == (2, 32, 16 // stride, 3, 3)
    expected = table_2(weights, video, pool, layer2, training)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
