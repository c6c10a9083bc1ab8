import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gesta.errors import ShapeError
from gesta.nn import CrossAttention, relevance
from gesta.nn.cross_attention import Combine, Form, given_context
from gesta.nn.relevance import mean_of_relu


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make(form="mlp2", *, seed=1, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CrossAttention(8, 6, form, **options)


def rows(frames=3, joints=4):
    """Rows (R, C, T, V) of two clips, in channels_last, and whose context they look at."""
    x = drawn(3, frames, joints, 8).permute(0, 3, 1, 2)
    return x, torch.tensor([0, 1, 1])


@pytest.mark.parametrize("form", ["dot", "mlp1"])
def test_the_mean_of_contexts_is_context_enough_where_relevance_is_linear(form):
    module, (x, clip) = make(form).double(), rows()
    context = drawn(2, 3, 7, 6, seed=2).double()
    alone = module(x.double(), context.mean(2, keepdim=True), clip)
    torch.testing.assert_close(module(x.double(), context, clip), alone, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("form", "pool"), [("mlp2", "mean"), ("dot", "max"), ("mlp2", "max")])
def test_it_is_not_where_relevance_is_not(form, pool):
    module, (x, clip) = make(form, pool=pool), rows()
    context = 3 * drawn(2, 3, 7, 6, seed=2)
    alone = module(x, context.mean(2, keepdim=True), clip)
    assert (module(x, context, clip) - alone).abs().max() > 1e-3


@pytest.mark.parametrize("form", Form.__args__)
def test_the_order_of_contexts_says_nothing(form):
    module, (x, clip) = make(form), rows()
    context = drawn(2, 3, 7, 6, seed=2)
    torch.testing.assert_close(module(x, context, clip), module(x, context.flip(2), clip))


def test_one_layer_gives_all_joints_the_same_of_a_context():
    module, (x, clip) = make("mlp1"), rows()
    one, other = (drawn(2, 3, 7, 6, seed=seed) for seed in (2, 3))
    v = x.permute(0, 2, 3, 1)
    difference = module.relevance(v, one, clip) - module.relevance(v, other, clip)
    torch.testing.assert_close(difference, difference[..., :1].expand_as(difference))


@pytest.mark.parametrize("combine", Combine.__args__)
def test_size_and_memory_stay(combine):
    module, (x, clip) = make(combine=combine), rows()
    y = module(x, drawn(2, 3, 5, 6), clip)
    assert y.shape == x.shape and y.stride() == x.stride()


@pytest.mark.parametrize("trunk", ["identity", "linear"])
def test_what_is_zero_stays_zero(trunk):
    module, (x, clip) = make(trunk=trunk), rows()
    x = x.clone()
    x[:, :, 1], x[2] = 0, 0
    y = module(x, drawn(2, 3, 5, 6), clip)
    assert not y[:, :, 1].any() and not y[2].any() and y[0, :, 0].any()


def test_the_root_of_gates_that_are_shut_has_a_gradient():
    module, (x, clip) = make(combine="multiplication"), rows()
    with torch.no_grad():
        module.attend.gate.bias.fill_(-200.0)
    x = x.clone().requires_grad_()
    y = module(x, drawn(2, 3, 5, 6), clip)
    y.sum().backward()
    torch.testing.assert_close(y, x)
    assert all(torch.isfinite(p.grad).all() for p in (x, *module.parameters()))


@pytest.mark.parametrize("combine", ["average", "cross_only"])
def test_without_a_scene_joints_are_weighted_by_themselves(combine):
    module, (x, clip) = make(combine=combine), rows()
    context = drawn(2, 3, 5, 6)
    y = module(x, context, clip, torch.tensor([True, False]))
    torch.testing.assert_close(y[0], module(x, context, clip)[0])
    own = x if module.attend is None else module.attend(x)
    torch.testing.assert_close(y[1:], own[1:])


def test_weights_can_be_looked_at():
    module, (x, clip) = make(), rows()
    seen = {}
    for name in ("f_cross", "g"):
        point = getattr(module, name)
        point.register_forward_hook(lambda p, _, out: seen.update({p.names: out}))
    own = []
    module.attend.f_self.register_forward_hook(lambda *given: own.append(given[2]))
    assert not module.looked_at
    module.g.active = True
    assert module.looked_at
    module(x, drawn(2, 3, 5, 6), clip)
    crossed = seen["rows", "step", "joint"]
    assert crossed.shape == (3, 3, 4)
    expected = (own[0] + crossed[..., None]) / 2
    torch.testing.assert_close(seen["rows", "step", "joint", "channel"], expected)


class Sizes(TorchDispatchMode):
    """The largest number of values of any tensor that is made."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for value in made if isinstance(made, tuple | list) else (made,):
            if isinstance(value, torch.Tensor):
                self.largest = max(self.largest, value.numel())
        return made


@pytest.mark.parametrize("form", Form.__args__)
@pytest.mark.parametrize("pool", ["mean", "max"])
def test_memory_at_196_contexts(form, pool, monkeypatch):
    """Nothing of (R, T, V, k, z) or (R, T, V, k, d + m) is made, forwards or backwards."""
    monkeypatch.setattr(relevance, "_AT_ONCE", 1)
    count, frames, joints, contexts, d, m = 4, 2, 9, 196, 12, 20
    module = CrossAttention(d, m, form, pool=pool)
    x = drawn(count, frames, joints, d).permute(0, 3, 1, 2).requires_grad_()
    context = drawn(2, frames, contexts, m).requires_grad_()
    saved = []

    def pack(tensor):
        saved.append(tensor.numel())
        return tensor

    clip = torch.arange(count) // 2
    with Sizes() as sizes, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(x, context, clip).sum().backward()
    assert x.grad.any() and context.grad.any()
    projected = context.shape[0] * frames * contexts * max(m, (d + m) // 2)
    assert sizes.largest <= projected  # a fortieth of what is never made
    assert max(saved) <= projected


@pytest.mark.parametrize("at_once", [1, 10**9])
def test_the_gradient_of_the_mean_of_relu(at_once, monkeypatch):
    monkeypatch.setattr(relevance, "_AT_ONCE", at_once)
    joint = drawn(3, 2, 4, 5).double().requires_grad_()
    context = drawn(2, 2, 6, 5, seed=1).double().requires_grad_()
    clip = torch.tensor([1, 0, 1])
    assert torch.autograd.gradcheck(
        lambda one, other: mean_of_relu(one, other, clip), (joint, context)
    )
    literal = (joint[:, :, :, None] + context[clip][:, :, None]).relu().mean(3)
    torch.testing.assert_close(mean_of_relu(joint, context, clip), literal)


def test_a_mean_in_bfloat16_is_added_up_exactly():
    joint, context = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 196, 1)
    context[:, :, 0] += 1
    found = mean_of_relu(joint.bfloat16(), context.bfloat16(), torch.zeros(1, dtype=torch.int64))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float().item(), 197 / 196, rtol=4e-3, atol=0)


@pytest.mark.parametrize("context", [None, (2, 2, 5, 6), (2, 3, 5, 7), (2, 3, 6)])
def test_another_context_is_an_error(context):
    x, clip = rows()
    with pytest.raises(ShapeError, match="context: expected"):
        make()(x, None if context is None else torch.zeros(context), clip)


def test_given_context_is_for_each_frame_or_for_all():
    poses, mask = torch.zeros(2, 1, 4, 3, 2), torch.ones(2, 1, 4, dtype=torch.bool)
    mask[0, :, 3] = False
    caption = drawn(2, 1, 5, 6)
    found = given_context(caption, poses, mask, 6)
    assert torch.equal(found[:, :3], caption.expand(-1, 3, -1, -1)) and not found[0, 3].any()
    with pytest.raises(ShapeError, match="T=4"):
        given_context(drawn(2, 3, 5, 6), poses, mask, 6)


@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about its own insides
@pytest.mark.parametrize("pool", ["mean", "max"])
def test_compiled_training_has_the_same_gradients(pool):
    module, (x, clip) = make(pool=pool), rows()
    context = drawn(2, 3, 20, 6)  # two pieces
    torch.compiler.reset()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    gradients = []
    for run in (module, compiled):
        module.zero_grad()
        run(x, context, clip).square().sum().backward()
        gradients.append([p.grad.clone() for p in module.parameters()])
    torch.testing.assert_close(*gradients)
    torch.compiler.reset()
