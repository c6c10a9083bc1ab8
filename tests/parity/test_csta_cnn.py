"""CSTA-CNN against a literal transcription of the paper's text, in float64 and with loops.

Equation numbers are those of Wang, "Learning Coupled Spatial-Temporal Attention for Skeleton-Based
Action Recognition"; what SPEC reconstructs is transcribed as it is decided there.
"""

import numpy as np
import pytest
import torch

from gesta.models import create_model
from gesta.nn.coupled_attention import CoupledAttention

EXACT = {"rtol": 1e-9, "atol": 1e-11}
LAYOUT, JOINTS = "sbu_15", 15
ACTIVATIONS = {
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "identity": lambda x: x,
}


def relu(x):
    return np.maximum(x, 0)


def weights_of(module):
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def part(weights, prefix):
    return {
        k.removeprefix(prefix + "."): v for k, v in weights.items() if k.startswith(f"{prefix}.")
    }


def attention_map(weights, x, act):
    """Equations 1 and 2 for x (T, V, C): the map (T, V), and its two factors."""
    frames, joints, _ = x.shape
    spatial, temporal = np.ones(joints), np.ones(frames)
    if "spatial_weight" in weights:
        shared = weights["spatial_weight"].flatten()
        for i in range(joints):
            y = x[:, i, :].flatten()
            spatial[i] = act(shared @ y + weights["spatial_bias"][i])
    if "temporal_weight" in weights:
        shared = weights["temporal_weight"].flatten()
        for t in range(frames):
            z = x[t].flatten()
            temporal[t] = act(shared @ z + weights["temporal_bias"][t])
    coupled = np.zeros((frames, joints))
    for t in range(frames):
        for i in range(joints):
            coupled[t, i] = temporal[t] * spatial[i]
    return coupled, spatial, temporal


def attend(weights, x, act):
    """Equation 3: the map copied over the coordinates, multiplied into the input."""
    coupled = attention_map(weights, x, act)[0]
    return np.stack([coupled] * x.shape[2], -1) * x


def convolve(weights, name, x):
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    _, height, width = x.shape
    result = np.zeros((len(bias), height, width))
    for i in range(height):
        for j in range(width):
            result[:, i, j] = bias
            for a in (-1, 0, 1):
                for b in (-1, 0, 1):
                    if 0 <= i + a < height and 0 <= j + b < width:
                        result[:, i, j] += kernel[:, :, a + 1, b + 1] @ x[:, i + a, j + b]
    return result


def pool(x, valid):
    """2x2 maximum over valid frames, and which frames are valid after it."""
    channels, height, width = x.shape
    result = np.zeros((channels, height // 2, width // 2))
    after = []
    for i in range(height // 2):
        rows = [t for t in (2 * i, 2 * i + 1) if t in valid]
        if not rows:
            continue
        after.append(i)
        for j in range(width // 2):
            result[:, i, j] = np.max([x[:, t, k] for t in rows for k in (2 * j, 2 * j + 1)], 0)
    return result, after


def only(x, valid):
    result = np.zeros_like(x)
    for t in valid:
        result[:, t] = x[:, t]
    return result


def stream(weights, x, valid, act, co_occurrence):
    """Section 2.3: attention, skeleton transformer, three convolutions."""
    x = attend(part(weights, "attention"), x, act).transpose(2, 0, 1)
    x = x @ weights["transformer.weight"].T
    for i in range(3):
        x = only(relu(convolve(weights, f"convolutions.{i}", only(x, valid))), valid)
        if i == 0 and co_occurrence:
            x = x.transpose(2, 1, 0)
        x, valid = pool(x, valid)
    return x.flatten()


def network(weights, poses, mask, act, co_occurrence):
    """Poses (M, T, V, C) and mask (M, T) to logits."""
    persons = []
    for x, there in zip(poses, mask, strict=True):
        valid = [t for t in range(len(there)) if there[t]]
        if not valid:
            continue
        position, moved = np.zeros_like(x), np.zeros_like(x)
        for t in valid:
            position[t] = x[t]
            if t + 1 in valid:
                moved[t] = x[t + 1] - x[t]
        one = stream(part(weights, "position"), position, valid, act, co_occurrence)
        two = stream(part(weights, "motion"), moved, valid, act, co_occurrence)
        persons.append(np.concatenate([one, two]))
    feature = np.max(persons, 0)
    for name in ("hidden.0", "hidden.1"):
        feature = relu(weights[f"{name}.weight"] @ feature + weights[f"{name}.bias"])
    return weights["head.weight"] @ feature + weights["head.bias"]


def attention_of(activation="tanh", **switches):
    attention = CoupledAttention(5, JOINTS, 3, activation, **switches).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return attention


def sequence():
    return np.random.default_rng(0).normal(size=(5, JOINTS, 3))


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_equations_1_to_3(activation):
    attention, x = attention_of(activation), sequence()
    ours = attention(torch.from_numpy(x)[None])[0].detach().numpy()
    theirs = attend(weights_of(attention), x, ACTIVATIONS[activation])
    np.testing.assert_allclose(ours, theirs, **EXACT)


@pytest.mark.parametrize("spatial", [True, False])
@pytest.mark.parametrize("temporal", [True, False])
def test_switches(spatial, temporal):
    attention, x = attention_of(spatial=spatial, temporal=temporal), sequence()
    names = set(attention.state_dict())
    assert ("spatial_weight" in names) == spatial and ("temporal_weight" in names) == temporal
    ours = attention(torch.from_numpy(x)[None])[0].detach().numpy()
    np.testing.assert_allclose(ours, attend(weights_of(attention), x, np.tanh), **EXACT)


def test_coupled_attention_is_temporal_then_spatial_weighting():
    attention, x = attention_of(), sequence()
    coupled, spatial, temporal = attention_map(weights_of(attention), x, np.tanh)
    assert np.linalg.matrix_rank(coupled) == 1
    one_after_the_other = (x * temporal[:, None, None]) * spatial[None, :, None]
    ours = attention(torch.from_numpy(x)[None])[0].detach().numpy()
    np.testing.assert_allclose(ours, one_after_the_other, **EXACT)


@pytest.mark.parametrize("co_occurrence", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_the_whole_network(activation, co_occurrence):
    generator = np.random.default_rng(1)
    poses = generator.normal(size=(3, 2, 17, JOINTS, 3))
    mask = np.ones((3, 2, 17), dtype=bool)
    mask[1, 0, -5:] = False
    mask[1, 1, [0, 1, 2, 3, 9]] = False
    mask[2, 1] = False
    drawn = torch.Generator().manual_seed(0)
    model = create_model(
        "csta_cnn",
        LAYOUT,
        6,
        frames=17,
        generator=drawn,
        activation=activation,
        co_occurrence=co_occurrence,
        joints=9,
        width=8,
        hidden=(7, 6),
    )
    model = model.double().eval()
    with torch.no_grad():  # biases start at 0 or 1, which hides whether and where they are added
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=drawn), alpha=0.1)
    ours = model(torch.from_numpy(poses), torch.from_numpy(mask)).detach().numpy()
    for n in range(3):
        theirs = network(
            weights_of(model), poses[n], mask[n], ACTIVATIONS[activation], co_occurrence
        )
        np.testing.assert_allclose(ours[n], theirs, **EXACT)
