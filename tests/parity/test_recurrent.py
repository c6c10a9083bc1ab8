"""Recurrent networks against equations 1-3 of the MMFF paper, in float64 and with loops."""

import numpy as np
import pytest
import torch

from gesta.models import create_model

EXACT = {"rtol": 1e-9, "atol": 1e-11}
LAYOUT, JOINTS, PERSONS = "sbu_15", 15, 2


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(weights, end, x, hidden, cell):
    """Equations 1 to 3, the gates in the order input, forget, u, output."""
    gates = weights[f"weight_ih_l0{end}"] @ x + weights[f"bias_ih_l0{end}"]
    gates = gates + weights[f"weight_hh_l0{end}"] @ hidden + weights[f"bias_hh_l0{end}"]
    i, f, u, o = np.split(gates, 4)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(u)
    return sigmoid(o) * np.tanh(cell), cell


def gru_step(weights, end, x, hidden, _):
    """Cho et al., 2014: reset and update gates, and a new state that the reset gate lets in."""
    from_x = weights[f"weight_ih_l0{end}"] @ x + weights[f"bias_ih_l0{end}"]
    from_h = weights[f"weight_hh_l0{end}"] @ hidden + weights[f"bias_hh_l0{end}"]
    (rx, zx, nx), (rh, zh, nh) = np.split(from_x, 3), np.split(from_h, 3)
    update = sigmoid(zx + zh)
    hidden = (1 - update) * np.tanh(nx + sigmoid(rx + rh) * nh) + update * hidden
    return hidden, hidden


def direction(weights, end, steps, step):
    """Outputs of the steps in the order of the frames, and the last state."""
    size = weights[f"weight_hh_l0{end}"].shape[1]
    hidden = state = np.zeros(size)
    outputs = []
    for x in steps[::-1] if end else steps:
        hidden, state = step(weights, end, x, hidden, state)
        outputs.append(hidden)
    return outputs[::-1] if end else outputs, state


def network(model, poses, mask):
    """Poses (M, T, V, C) and mask (M, T) to logits, from the first to the last with somebody."""
    weights = {key: value.detach().numpy() for key, value in model.state_dict().items()}
    step = gru_step if model.name == "bi_gru" else lstm_step
    seen = [t for t in range(poses.shape[1]) if mask[:, t].any()]
    steps = [
        np.concatenate([poses[m, t].ravel() * mask[m, t] for m in range(len(poses))])
        for t in range(seen[0], seen[-1] + 1)
    ]
    for i in range(len(model.layers)):
        prefix = f"layers.{i}.units."
        own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        ends = [""] if model.name == "lstm" else ["", "_reverse"]
        results = [direction(own, end, steps, step) for end in ends]
        steps = [np.concatenate(parts) for parts in zip(*(r[0] for r in results), strict=True)]
    state = np.concatenate([result[1] for result in results])
    return weights["head.weight"] @ state + weights["head.bias"]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", ["lstm", "bi_lstm", "bi_gru"])
def test_the_whole_network(name, layers):
    generator = torch.Generator().manual_seed(0)
    model = create_model(name, LAYOUT, 6, generator=generator, layers=layers, hidden=7)
    model = model.double().eval()
    poses = np.random.default_rng(1).normal(size=(3, PERSONS, 9, JOINTS, 3))
    mask = np.ones((3, PERSONS, 9), dtype=bool)
    mask[1, 1, 2:] = False
    mask[2, :, 6:] = False
    mask[2, :, [0, 3]] = False
    ours = model(torch.from_numpy(poses), torch.from_numpy(mask)).detach().numpy()
    for n in range(3):
        np.testing.assert_allclose(ours[n], network(model, poses[n], mask[n]), **EXACT)


def test_a_state_is_held_to_the_last_bit():
    model = create_model("bi_lstm", LAYOUT, 6, layers=1, hidden=7).eval()
    poses = torch.randn(1, PERSONS, 5, JOINTS, 3, generator=torch.Generator().manual_seed(2))
    longer = torch.cat([poses, torch.full_like(poses, float("nan"))], 2)
    mask = torch.arange(10).lt(5).expand(1, PERSONS, 10)
    state = model.forward_vector(longer, mask)
    assert torch.equal(state[:, :7], model.forward_vector(poses, mask[:, :, :5])[:, :7])
    torch.testing.assert_close(state, model.forward_vector(poses), rtol=1e-6, atol=1e-7)
