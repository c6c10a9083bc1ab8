"""ST-GCN against the published network's numbers, and its block against the paper in loops."""

import itertools
import shutil

import numpy as np
import pytest
import torch

from gesta.models import create_model, load_weights
from gesta.nn import fold_batch_norm
from gesta.skeleton import get_layout, partition

CLOSE = 1e-5


@pytest.fixture(scope="module")
def published(parity_data):
    """Weights, input (N, M, T, V, C) and logits of the published ten-block network."""
    path = parity_data / "st_gcn_ntu60.npz"
    with np.load(path) as arrays:
        poses = torch.from_numpy(arrays["input_NCTVM"].astype(np.float64))
        rest = {key: torch.from_numpy(arrays[key]) for key in ("logits", "block_mean", "block_std")}
    return {"path": path, "poses": poses.permute(0, 4, 2, 3, 1).contiguous(), **rest}


def load(published, **options):
    model = create_model("st_gcn", partition="spatial_official", **options)
    assert load_weights(model, published["path"]) == []
    return model.eval()


def error(logits, published):
    expected = published["logits"]
    return ((logits.double() - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("average_absent", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@torch.no_grad()
def test_logits_of_the_published_network(published, average_absent, masked):
    model = load(published, average_absent=average_absent)
    poses = published["poses"]
    mask = torch.ones(poses.shape[:3], dtype=torch.bool) if masked else None
    assert error(model(poses.float(), mask), published) < CLOSE
    assert error(fold_batch_norm(model)(poses.float(), mask), published) < CLOSE
    assert error(model.double()(poses, mask), published) < 1e-12
    assert error(fold_batch_norm(model)(poses, mask), published) < 1e-12


@torch.no_grad()
def test_every_block_of_the_published_network(published):
    model = load(published).double()
    outputs = []
    for block in model.blocks:
        block.register_forward_hook(lambda _, __, output: outputs.append(output))
    model(published["poses"])
    for name, measure in (("block_mean", torch.Tensor.mean), ("block_std", torch.Tensor.std)):
        found = torch.stack([measure(output) for output in outputs])
        torch.testing.assert_close(found, published[name], rtol=1e-6, atol=1e-8)


@torch.no_grad()
def test_true_distances_are_another_network(published):
    model = create_model("st_gcn", partition="spatial").eval()
    load_weights(model, published["path"])
    assert error(model(published["poses"].float()), published) > 1e-3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about its own insides
@torch.no_grad()
def test_compiled(published):
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        pytest.skip("torch.compile needs a C++ compiler, and there is none")
    torch.compiler.reset()
    compiled = torch.compile(load(published))
    assert error(compiled(published["poses"].float()), published) < CLOSE
    torch.compiler.reset()


@torch.no_grad()
def test_exported(published, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
    import onnxruntime

    from gesta.export import export_onnx

    path = export_onnx(load(published), tmp_path / "model.onnx").path
    poses = published["poses"].float().numpy()
    feed = {"poses": poses, "mask": np.ones(poses.shape[:3], dtype=bool)}
    (logits,) = onnxruntime.InferenceSession(path).run(None, feed)
    assert error(torch.from_numpy(logits), published) < CLOSE


def test_padding_is_averaged_in_only_on_request(published):
    """The published behaviour on a clip whose second person is absent: zeros take part."""
    poses = published["poses"].float().clone()
    poses[:, 1] = 0
    mask = torch.ones(poses.shape[:3], dtype=torch.bool)
    mask[:, 1] = False
    with torch.no_grad():
        official = load(published, average_absent=True)
        masked = load(published)
        torch.testing.assert_close(official(poses, mask), official(poses))
        torch.testing.assert_close(masked(poses, mask), masked(poses[:, :1]))
        assert (masked(poses, mask) - official(poses, mask)).abs().max() > 1e-3


def normalised(x, norm):
    """Batch norm in inference, one value: equation 4 of Ioffe and Szegedy."""
    mean, var, weight, bias, channel = norm
    return (x - mean[channel]) / np.sqrt(var[channel] + 1e-5) * weight[channel] + bias[channel]


def norm_of(norm):
    state = norm.state_dict()
    return [state[key].numpy() for key in ("running_mean", "running_var", "weight", "bias")]


def block_in_loops(x, block, subsets, stride):
    """A block on (T, V, C), sum by sum: Yan et al., sections 3.2 to 3.4."""
    length, joints, channels = x.shape
    weight, bias = block.graph.weight.numpy(), block.graph.bias.numpy()
    edges = subsets * block.graph.importance.numpy()
    width = weight.shape[0]
    spatial = np.zeros((length, joints, width))
    places = itertools.product(range(length), range(joints), range(width))
    for t, w, c in places:
        for k, v in itertools.product(range(len(subsets)), range(joints)):
            sent = bias[k, c] + sum(weight[c, k, i] * x[t, v, i] for i in range(channels))
            spatial[t, w, c] += edges[k, v, w] * sent
        spatial[t, w, c] = max(normalised(spatial[t, w, c], [*norm_of(block.graph_norm), c]), 0)
    kernel, bias = block.temporal.weight.numpy(), block.temporal.bias.numpy()
    half, steps = kernel.shape[2] // 2, (length + stride - 1) // stride
    result = np.zeros((steps, joints, width))
    for s, v, c in itertools.product(range(steps), range(joints), range(width)):
        total = bias[c]
        for tap, i in itertools.product(range(kernel.shape[2]), range(width)):
            t = s * stride + tap - half
            if 0 <= t < length:
                total += kernel[c, i, tap, 0] * spatial[t, v, i]
        total = normalised(total, [*norm_of(block.temporal_norm), c])
        result[s, v, c] = max(total + shortcut_in_loops(x, block, s * stride, v, c), 0)
    return result


def shortcut_in_loops(x, block, t, v, c):
    if block.shortcut is None:
        return x[t, v, c] if block.residual else 0
    weight, bias = block.shortcut.weight.numpy(), block.shortcut.bias.numpy()
    total = bias[c] + sum(weight[c, i, 0, 0] * x[t, v, i] for i in range(x.shape[2]))
    return normalised(total, [*norm_of(block.shortcut_norm), c])


@pytest.mark.parametrize("strategy", ["uniform", "distance", "spatial"])
@pytest.mark.parametrize("index", [0, 1, 3])  # without residual, with, with stride
@torch.no_grad()
def test_a_block_is_the_paper_in_loops(strategy, index):
    drawn = torch.Generator().manual_seed(index)
    model = create_model(
        *("st_gcn", "sbu_15"),
        **dict(blocks=9, width=3, temporal_kernel=3, partition=strategy, generator=drawn),
    )
    block = model.double().eval().blocks[index]
    for name, value in block.state_dict().items():
        if not name.endswith(("temporal.weight", "graph.weight")):
            value.copy_(0.5 + torch.rand(value.shape, generator=drawn, dtype=torch.float64))
    x = torch.randn(5, 15, block.graph.channels, generator=drawn, dtype=torch.float64)
    found = block(x[None].permute(0, 3, 1, 2), None, None)[0].permute(1, 2, 0)
    subsets = partition(get_layout("sbu_15"), strategy)
    expected = block_in_loops(x.numpy(), block, subsets, block.stride)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-12)
