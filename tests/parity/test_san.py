"""SAN against a literal transcription of the paper's text, in float64 and with loops.

Section numbers are those of Cho et al., "Self-Attention Network for Skeleton-based Human Action
Recognition"; what SPEC reconstructs is transcribed as it is decided there.
"""

import numpy as np
import pytest
import torch

from gesta.models import create_model
from gesta.models.san_parts import ConvolutionEncoder, LinearEncoder, Segments
from gesta.nn.self_attention import SelfAttentionBlock, SelfAttentionLayer

EXACT = {"rtol": 1e-9, "atol": 1e-11}
LAYOUT, JOINTS = "sbu_15", 15


def relu(x):
    return np.maximum(x, 0)


def weights_of(module):
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def part(weights, prefix):
    return {
        k.removeprefix(prefix + "."): v for k, v in weights.items() if k.startswith(f"{prefix}.")
    }


def linear(weights, name, x):
    return weights[f"{name}.weight"] @ x + weights[f"{name}.bias"]


def layer_norm(weights, name, x):
    spread = np.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)
    return (x - x.mean()) / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attention_layer(weights, x, valid, heads):
    """Section 3: equation 1 for each head, heads concatenated and transformed, then as in [30]."""
    frames, width = x.shape
    size = width // heads
    packed = np.stack([linear(weights, "packed", x[t]) for t in range(frames)])
    query, key, value = packed[:, :width], packed[:, width : 2 * width], packed[:, 2 * width :]
    result = np.zeros_like(x)
    for t in range(frames):
        together = np.zeros(width)
        for h in range(heads):
            own = slice(h * size, (h + 1) * size)
            scores = {s: query[t, own] @ key[s, own] / np.sqrt(size) for s in valid}
            total = sum(np.exp(score) for score in scores.values())
            for s in valid:
                together[own] += np.exp(scores[s]) / total * value[s, own]
        y = layer_norm(weights, "attention_norm", x[t] + linear(weights, "out", together))
        fed = linear(weights, "back", relu(linear(weights, "hidden", y)))
        result[t] = layer_norm(weights, "norm", y + fed)
    return result


def block(weights, x, valid, heads):
    """Section 4.3: positions, L layers, their outputs concatenated, averaged, back to the width."""
    layers = 1 + max(int(k.split(".")[1]) for k in weights if k.startswith("layers."))
    x = x + weights["positions"]
    outputs = []
    for i in range(layers):
        x = attention_layer(part(weights, f"layers.{i}"), x, valid, heads)
        outputs.append(x)
    concatenated = np.concatenate(outputs, 1)
    mean = sum(concatenated[t] for t in valid) / len(valid)
    return relu(linear(weights, "out", mean))


def convolve(weights, name, x):
    """x (C, H, W) by an odd kernel at every place, zero beyond the borders."""
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    kernel = kernel[:, :, None, None] if kernel.ndim == 2 else kernel
    filters, _, high, wide = kernel.shape
    _, height, width = x.shape
    result = np.zeros((filters, height, width))
    for i in range(height):
        for j in range(width):
            result[:, i, j] = bias
            for a in range(high):
                for b in range(wide):
                    row, column = i + a - high // 2, j + b - wide // 2
                    if 0 <= row < height and 0 <= column < width:
                        result[:, i, j] += kernel[:, :, a, b] @ x[:, row, column]
    return result


def pool_pairs(x):
    return np.stack([x[:, :, 2 * j : 2 * j + 2].max(2) for j in range(x.shape[2] // 2)], 2)


def only(x, valid):
    """x (C, T, V), zero in the frames that are not valid."""
    result = np.zeros_like(x)
    for t in valid:
        result[:, t] = x[:, t]
    return result


def convolution_encoder(weights, x, valid):
    """Figure 4: x (T, V, C) to (T, D)."""
    x = only(relu(convolve(weights, "points", x.transpose(2, 0, 1))), valid)
    x = only(relu(convolve(weights, "time", x)), valid)
    x = x.transpose(2, 1, 0)  # joints become channels, filters the second axis of the image
    x = only(pool_pairs(relu(convolve(weights, "joints", x))), valid)
    x = pool_pairs(relu(convolve(weights, "last", x)))
    frames = [x[:, t].flatten() for t in range(x.shape[1])]
    if "project.weight" in weights:  # of another width than the paper's
        frames = [relu(linear(weights, "project", frame)) for frame in frames]
    return np.stack(frames)


def encode(weights, x, valid):
    """Section 4.2: the encoder whose weights these are."""
    if "linear.weight" in weights:
        return np.stack([relu(linear(weights, "linear", frame.flatten())) for frame in x])
    return convolution_encoder(weights, x, valid)


def motion(x, valid):
    """Section 4.1: the difference to the next frame."""
    moved = np.zeros_like(x)
    for t in range(len(x) - 1):
        if t in valid and t + 1 in valid:
            moved[t] = x[t + 1] - x[t]
    return moved


def masked(x, valid):
    result = np.zeros_like(x)
    for t in valid:
        result[t] = x[t]
    return result


def frames_of(mask):
    return [t for t in range(len(mask)) if mask[t]]


def features_v1(weights, poses, mask, heads):
    """Figure 3b: all joints of all persons, position and motion as channels."""
    persons = range(len(poses))
    both = []
    for m in persons:
        x = masked(poses[m], frames_of(mask[m]))
        both.append(np.concatenate([x, motion(x, frames_of(mask[m]))], -1))
    valid = frames_of(mask.any(0))
    encoded = encode(part(weights, "encoder"), np.concatenate(both, 1), valid)
    return [block(part(weights, "block"), encoded, valid, heads)]


def encoded_modalities(weights, x, valid):
    x = masked(x, valid)
    moved = motion(x, valid)
    return (
        encode(part(weights, "position"), x, valid),
        encode(part(weights, "motion"), moved, valid),
    )


def features_v2(weights, poses, mask, heads, merge="max"):
    """Figure 3c: one block for each person, then one vector."""
    gathered = []
    for m in range(len(poses)):
        valid = frames_of(mask[m])
        if not valid:
            continue
        position, moving = encoded_modalities(weights, poses[m], valid)
        both = np.concatenate([position, moving], 1)
        gathered.append(block(part(weights, "block"), both, valid, heads))
    if merge == "concat":
        missing = [np.zeros_like(gathered[0])] * (len(poses) - len(gathered))
        return [np.concatenate(gathered + missing)]
    return [np.max(gathered, 0) if merge == "max" else np.mean(gathered, 0)]


def features_v3(weights, poses, mask, heads, merge="early"):
    """Figure 3d: one block for each modality."""
    there = [m for m in range(len(poses)) if mask[m].any()]
    encoded = [encoded_modalities(weights, poses[m], frames_of(mask[m])) for m in there]
    result = []
    for i, name in enumerate(("position_block", "motion_block")):
        own = part(weights, name)
        if merge == "late":
            each = [
                block(own, encoded[k][i], frames_of(mask[m]), heads) for k, m in enumerate(there)
            ]
            result.append(np.max(each, 0))
            continue
        valid = frames_of(mask.any(0))
        strongest = np.zeros_like(encoded[0][i])
        for t in valid:
            strongest[t] = np.max([encoded[k][i][t] for k, m in enumerate(there) if mask[m, t]], 0)
        result.append(block(own, strongest, valid, heads))
    return [*result, np.concatenate(result)]


VARIANTS = {"san_v1": features_v1, "san_v2": features_v2, "san_v3": features_v3}


def example(frames, persons=2, seed=0):
    """Poses and mask of three clips: everybody; a person who comes late and leaves; one alone."""
    generator = np.random.default_rng(seed)
    poses = generator.normal(size=(3, persons, frames, JOINTS, 3))
    mask = np.ones((3, persons, frames), dtype=bool)
    mask[1, 0, -2:] = False
    mask[1, 1, :2] = False
    mask[1, :, 3] = False
    mask[2, 1] = False
    return poses, mask


def made(name, **options):
    generator = torch.Generator().manual_seed(3)
    model = create_model(name, LAYOUT, 5, generator=generator, **options).double().eval()
    with torch.no_grad():  # what starts at 0 or 1 must be told from what is not there
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return model


def double(module):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
    return module.double().eval()


@pytest.mark.parametrize("valid", [[0, 1, 2, 3, 4], [1, 2, 4]], ids=["all", "some"])
def test_a_layer_is_scaled_dot_product_residual_norm_and_feed_forward(valid):
    layer = double(SelfAttentionLayer(12, 3, 48, 0.2))
    x = np.random.default_rng(0).normal(size=(5, 12))
    allowed = torch.tensor([[t in valid for t in range(5)]])
    ours = layer(torch.from_numpy(x)[None], None if len(valid) == 5 else allowed)[0]
    np.testing.assert_allclose(
        ours.detach().numpy(), attention_layer(weights_of(layer), x, valid, 3), **EXACT
    )


@pytest.mark.parametrize("valid", [[0, 1, 2, 3], [1, 3]], ids=["all", "some"])
def test_a_block_concatenates_averages_and_goes_back_to_its_width(valid):
    gather = double(SelfAttentionBlock(8, 4, 3, 2, 4, 0.2))
    x = np.random.default_rng(1).normal(size=(4, 8))
    keep = torch.tensor([[t in valid for t in range(4)]])
    ours = gather(torch.from_numpy(x)[None], None if len(valid) == 4 else keep)[0]
    np.testing.assert_allclose(
        ours.detach().numpy(), block(weights_of(gather), x, valid, 2), **EXACT
    )


@pytest.mark.parametrize("valid", [[0, 1, 2, 3, 4], [0, 2, 3]], ids=["all", "some"])
@pytest.mark.parametrize(
    "encoder",
    [
        LinearEncoder(JOINTS, 3, 10),
        ConvolutionEncoder(JOINTS, 3, 32, 0.5),
        ConvolutionEncoder(JOINTS, 3, 512, 0.5),
    ],
    ids=["ff", "cnn", "cnn of the paper's width"],
)
def test_encoders(encoder, valid):
    encoder = double(encoder)
    x = masked(np.random.default_rng(2).normal(size=(5, JOINTS, 3)), valid)
    keep = torch.tensor([[t in valid for t in range(5)]])
    ours = encoder(torch.from_numpy(x)[None], None if len(valid) == 5 else keep)[0]
    theirs = encode(weights_of(encoder), x, valid)
    assert theirs.shape == (5, encoder.width)
    np.testing.assert_allclose(ours.detach().numpy()[valid], theirs[valid], **EXACT)


WHOLE = [
    ("san_v1", "cnn", {}),
    ("san_v1", "ff", {}),
    ("san_v2", "cnn", {}),
    ("san_v2", "ff", {"person_merge": "max"}),
    ("san_v2", "ff", {"person_merge": "mean"}),
    ("san_v2", "ff", {"person_merge": "concat"}),
    ("san_v3", "cnn", {}),
    ("san_v3", "ff", {"merge": "early"}),
    ("san_v3", "ff", {"merge": "late"}),
]


@pytest.mark.parametrize(("name", "encoder", "options"), WHOLE)
def test_the_whole_network(name, encoder, options):
    poses, mask = example(frames=6)
    sizes = {"width": 16, "layers": 2, "heads": 2, "feed_forward": 4}
    model = made(name, frames=6, encoder=encoder, **sizes, **options)
    weights = weights_of(model)
    merge = {"merge": next(iter(options.values()))} if options else {}
    ours = model.forward_heads(torch.from_numpy(poses), torch.from_numpy(mask))
    for n in range(len(poses)):
        found = VARIANTS[name](part(weights, "trunk"), poses[n], mask[n], 2, **merge)
        assert len(ours) == len(found)
        for head, feature in enumerate(found):
            theirs = linear(weights, f"heads.{head}", relu(feature))
            np.testing.assert_allclose(ours[head][n].detach().numpy(), theirs, **EXACT)


def test_nobody_masked_is_the_same_as_no_mask():
    poses, _ = example(frames=6)
    for name in VARIANTS:
        model = made(name, frames=6, width=16, layers=1, heads=2)
        full = torch.ones(poses.shape[:3], dtype=torch.bool)
        with_mask = model(torch.from_numpy(poses), full)
        np.testing.assert_allclose(
            model(torch.from_numpy(poses)).detach().numpy(), with_mask.detach().numpy(), **EXACT
        )


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


@pytest.mark.parametrize("on", ["logits", "probabilities"])
@pytest.mark.parametrize("consensus", ["average", "max"])
def test_segments_share_the_network_and_agree_by_consensus(consensus, on):
    """Section 4.4, over the segments in which somebody is."""
    poses, mask = example(frames=12)
    mask[2, 0, 4:8] = False  # nobody is in the second of three segments
    sizes = {"encoder": "ff", "width": 16, "layers": 1, "heads": 2, "feed_forward": 4}
    model = made("san_v2", frames=12, segments=3, consensus=consensus, consensus_on=on, **sizes)
    weights = weights_of(model)
    ours = model(torch.from_numpy(poses), torch.from_numpy(mask)).detach().numpy()
    for n in range(3):
        said = []
        for start in (0, 4, 8):
            own = slice(start, start + 4)
            if mask[n][:, own].any():
                (feature,) = features_v2(
                    part(weights, "trunk"), poses[n][:, own], mask[n][:, own], 2
                )
                said.append(linear(weights, "heads.0", feature))
        if on == "probabilities":
            said = [softmax(logits) for logits in said]
        theirs = np.mean(said, 0) if consensus == "average" else np.max(said, 0)
        theirs = np.log(theirs) if on == "probabilities" else theirs
        np.testing.assert_allclose(ours[n], theirs, **EXACT)


def test_one_segment_is_what_the_network_says():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    for on in ("logits", "probabilities"):
        assert torch.equal(Segments(1, "max", on)(logits, None), logits)
