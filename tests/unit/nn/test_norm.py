import copy

import pytest
import torch
from torch import nn

from gesta.nn import Frames, MaskedBatchNorm


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def trained_norm(channels=4):
    norm = MaskedBatchNorm(channels)
    for i, value in enumerate(norm.state_dict().values()):
        value.copy_(1 + 0.3 * draw(channels, seed=i).abs())
    return norm


def plain(norm):
    twin = nn.BatchNorm2d(norm.channels)
    twin.load_state_dict(norm.state_dict(), strict=False)
    return twin


@pytest.mark.parametrize("training", [True, False])
def test_without_a_mask_it_is_batch_norm(training):
    norm = trained_norm().train(training)
    twin = plain(norm).train(training)
    x = draw(3, 4, 6, 5)
    torch.testing.assert_close(norm(x), twin(x))
    torch.testing.assert_close(norm.running_var, twin.running_var)


@pytest.mark.parametrize("training", [True, False])
def test_with_a_mask_only_valid_frames_count(training):
    norm = trained_norm().train(training)
    twin = plain(norm).train(training)
    x, keep = draw(3, 4, 6, 5), torch.ones(3, 6, dtype=torch.bool)
    keep[0, 2:], keep[2, 0] = False, False
    found = norm(x, Frames.of(keep, indexed=training))
    valid = x.permute(0, 2, 3, 1)[keep].reshape(-1, 4, 1, 1)
    torch.testing.assert_close(
        found.permute(0, 2, 3, 1)[keep].reshape(-1, 4, 1, 1), twin(valid), rtol=1e-5, atol=1e-6
    )
    assert not found.permute(0, 2, 3, 1)[~keep].any()
    torch.testing.assert_close(norm.running_mean, twin.running_mean)
    torch.testing.assert_close(norm.running_var, twin.running_var)


def test_gradients_are_those_of_the_valid_frames_alone():
    norm = trained_norm().double().train()
    keep = torch.tensor([[True, True, False], [True, False, True]])
    frames = Frames.of(keep, indexed=True)
    x = draw(2, 4, 3, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: copy.deepcopy(norm)(x, frames), x)
    norm(x, frames).sum().backward()
    assert not x.grad.permute(0, 2, 3, 1)[~keep].any()


def test_a_single_value_is_normalised_as_in_inference():
    norm = trained_norm().train()
    before = copy.deepcopy(norm.state_dict())
    x = draw(1, 4, 1, 1)
    torch.testing.assert_close(norm(x), copy.deepcopy(norm).eval()(x))
    assert all(map(torch.equal, norm.state_dict().values(), before.values()))


def test_scale_and_shift_are_what_inference_does():
    norm = trained_norm().eval()
    scale, shift = norm.scale_and_shift()
    x = draw(2, 4, 3, 5)
    torch.testing.assert_close(norm(x), x * scale[:, None, None] + shift[:, None, None])


def test_folded_away_its_state_describes_the_shift():
    norm, shift, x = trained_norm().eval(), draw(4), draw(2, 4, 3, 5)
    norm.fold_away(shift)
    assert torch.equal(norm(x), x)
    unfolded = MaskedBatchNorm(4).eval()
    unfolded.load_state_dict(norm.state_dict())
    torch.testing.assert_close(unfolded(x), x + shift[:, None, None])
    keep = torch.tensor([[True, False, True], [False, True, True]])
    masked = norm(x, Frames.of(keep, indexed=False))
    assert torch.equal(masked, x * keep[:, None, :, None])
