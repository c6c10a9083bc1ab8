"""Networks of images: published names and sizes, their normalisation, and weights of streams."""

import math

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from gesta.errors import ModelError
from gesta.models import (
    create_image_network,
    create_model,
    image_network_entry,
    list_image_networks,
    load_stream,
)
from gesta.models.efficientnet_lite import SamePad
from gesta.nn import fold_batch_norm
from gesta.nn.imagenet import IMAGENET_MEAN, IMAGENET_STD

NARROW = {"image_width": 0.02, "image_size": 48}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def narrow(name, num_classes=None):
    return create_image_network(name, num_classes, width=0.02).eval()


def frame_model(seed=0, **options):
    return create_model("xception_frame", "sbu_15", 4, generator=seeded(seed), **NARROW, **options)


@pytest.mark.parametrize(
    ("name", "classified", "plain", "keys"),
    [("xception", 22_855_952, 20_806_952, 236), ("efficientnet_lite0", 4_652_008, 3_371_008, 247)],
)
def test_published_sizes(name, classified, plain, keys):
    with torch.device("meta"):
        with_head, without = create_image_network(name, 1000), create_image_network(name)
    assert sum(p.numel() for p in with_head.parameters()) == classified
    assert sum(p.numel() for p in without.parameters()) == plain
    assert len(with_head.state_dict()) == keys


@pytest.mark.parametrize(
    ("name", "published"),
    [
        (
            "xception",
            "conv1.weight bn1.running_var conv2.weight block1.rep.0.conv1.weight "
            "block1.rep.1.weight block1.rep.3.pointwise.weight block1.skip.weight "
            "block1.skipbn.bias block2.rep.1.conv1.weight block2.rep.4.conv1.weight "
            "block4.rep.7.pointwise.weight block11.rep.8.running_mean block12.rep.4.conv1.weight "
            "block12.skip.weight conv3.conv1.weight bn3.weight conv4.pointwise.weight bn4.bias "
            "fc.weight fc.bias",
        ),
        (
            "efficientnet_lite0",
            "_conv_stem.weight _bn0.running_var _blocks.0._depthwise_conv.weight "
            "_blocks.0._bn1.weight _blocks.0._project_conv.weight _blocks.1._expand_conv.weight "
            "_blocks.15._bn2.running_var _conv_head.weight _bn1.bias _fc.weight _fc.bias",
        ),
    ],
)
def test_names_are_those_of_published_weights(name, published):
    keys = narrow(name, 10).state_dict().keys()
    assert set(published.split()) <= keys
    assert "_blocks.0._expand_conv.weight" not in keys and "block5.skip.weight" not in keys


@pytest.mark.parametrize("name", list_image_networks())
@torch.no_grad()
def test_frames_are_normalised_anew(name):
    network, image = narrow(name), torch.rand(1, 3, 48, 48, generator=seeded())
    mean, std = (0.5, 0.5) if name == "xception" else (127 / 255, 128 / 255)
    ours = torch.tensor(IMAGENET_MEAN)[:, None, None], torch.tensor(IMAGENET_STD)[:, None, None]
    frames, wanted = (image - ours[0]) / ours[1], (image - mean) / std
    torch.testing.assert_close(network(frames), network.features(wanted), rtol=1e-4, atol=1e-5)
    assert not {"scale", "shift"} & network.state_dict().keys()


@pytest.mark.parametrize("name", list_image_networks())
@torch.no_grad()
def test_folded_norms_change_nothing(name):
    network = narrow(name, 4)
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=seeded(1))
        elif key.endswith(("bias", "running_mean")):
            value.uniform_(-0.3, 0.3, generator=seeded(2))
    image = torch.randn(2, 3, 48, 48, generator=seeded())
    folded = fold_batch_norm(network)
    torch.testing.assert_close(folded(image), network(image), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [7, 8, 9, 10])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_of_the_published_network(size, kernel, stride):
    convolution = SamePad(1, 1, kernel, stride)
    x = torch.randn(1, 1, size, size, generator=seeded())
    found, weight = convolution(x)[0, 0], convolution.weight[0, 0]
    places = math.ceil(size / stride)
    assert found.shape == (places, places)
    before = max((places - 1) * stride + kernel - size, 0) // 2
    wide = functional.pad(x[0, 0], (before, kernel, before, kernel))
    for i in range(places):
        row = wide[i * stride : i * stride + kernel]
        for j in range(places):
            expected = (row[:, j * stride : j * stride + kernel] * weight).sum()
            torch.testing.assert_close(found[i, j], expected)


def test_published_weights_start_the_stream(tmp_path):
    network, model = narrow("xception", 10), frame_model()
    head = model.rgb.fc.weight.clone()
    published = {}
    for key, value in network.state_dict().items():
        published[key.replace("fc.", "last_linear.")] = value
        if key.endswith("running_var"):
            published[key.replace("running_var", "num_batches_tracked")] = torch.tensor(3)
        if key.endswith("pointwise.weight"):
            published[key] = value[:, :, 0, 0].contiguous()
    save_file(published, tmp_path / "xception.safetensors")
    assert load_stream(model, "rgb", tmp_path / "xception.safetensors") == [
        "rgb.fc.weight",
        "rgb.fc.bias",
    ]
    assert torch.equal(model.rgb.block7.rep[4].conv1.weight, network.block7.rep[4].conv1.weight)
    assert torch.equal(model.rgb.fc.weight, head)


def test_a_run_of_the_same_classes_brings_its_classifier():
    model, other = frame_model(), frame_model(1)
    assert load_stream(model, "rgb", other.state_dict()) == []
    assert all(map(torch.equal, model.state_dict().values(), other.state_dict().values()))


def test_what_does_not_fit_changes_nothing():
    model = frame_model()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    weights = narrow("xception").state_dict()
    with pytest.raises(ModelError, match=r"does not fit rgb: missing: bn1.bias"):
        load_stream(model, "rgb", {k: v for k, v in weights.items() if k != "bn1.bias"})
    with pytest.raises(ModelError, match="other shapes: conv1.weight"):
        load_stream(model, "rgb", {**weights, "conv1.weight": torch.zeros(4, 3, 5, 5)})
    with pytest.raises(ModelError, match="no stream 'skeleton'; it has rgb"):
        load_stream(model, "skeleton", weights)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_unknown_networks_and_widths():
    with pytest.raises(ModelError, match="known are efficientnet_lite0, xception"):
        image_network_entry("resnet")
    with pytest.raises(ModelError, match=r"width in \(0, 1\]"):
        create_image_network("xception", width=0.0)
    with pytest.raises(ModelError, match="without a classifier"):
        narrow("xception").classify(torch.zeros(1, 41, 2, 2))
