"""What every registered model promises; a new model is covered by being registered.

Models run with the narrow options of their registry entry. The full matrix of layouts is slow.
"""

import copy
import pickle
import shutil
import typing

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from gesta.errors import ModelError, ShapeError
from gesta.models import count, create_model, list_models, load_weights, model_entry
from gesta.skeleton import list_layouts

CLASSES = 5
FAST_LAYOUT = "coco_17"
LAYOUTS = [
    pytest.param(name, marks=() if name == FAST_LAYOUT else pytest.mark.slow)
    for name in list_layouts()
]
every_model = pytest.mark.parametrize("name", list_models())
some_layouts = pytest.mark.parametrize("layout", LAYOUTS)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make(name, layout=FAST_LAYOUT, **changes):
    """A narrow model with seeded weights, in evaluation mode."""
    options = {"generator": seeded(), "num_classes": CLASSES, "channels": 3, **changes}
    return create_model(name, layout, **{**model_entry(name).small, **options}).eval()


def batch(model, clips=3, frames=12, persons=2, seed=1):
    """Random poses and a mask that is full but for a person who leaves early."""
    frames, persons = model.frames or frames, model.persons or persons
    shape = (clips, persons, frames, len(model.layout), model.channels)
    mask = torch.ones(shape[:3], dtype=torch.bool)
    mask[-1, -1, frames - frames // 3 :] = False
    return torch.randn(shape, generator=seeded(seed)), mask


def more_inputs(model, poses, first=0):
    """What a model takes besides poses and mask, its pictures and context filled at random.

    Clip `first` + i has the same ones in any batch, and a longer clip begins as a shorter one.
    """
    clips, persons, frames = poses.shape[:3]
    more = model.example_inputs(clips, frames, persons)
    longer = model.example_inputs(first + clips, 32, persons)
    for name in more.keys() & {"video", "frames", "context"}:
        drawn = 2 * torch.rand(longer[name].shape, generator=seeded()) - 1
        more[name] = drawn[first:][tuple(slice(size) for size in more[name].shape)]
    return more


def run(model, poses, mask, **more):
    return model(poses, mask, **(more or more_inputs(model, poses)))


def run_heads(model, poses, mask):
    """Everything that a loss is taken of: several logits where a model has several heads."""
    return torch.cat(list(model.forward_heads(poses, mask, **more_inputs(model, poses))))


@torch.no_grad()
def logits_of(model, poses, mask, **more):
    """Logits without gradients, in evaluation."""
    return run(model.eval(), poses, mask, **more)


def randomise_norms(model):
    """Running statistics and biases as after training, so that masks and norms matter."""
    drawn = seeded(7)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith(("bias", "running_mean")):
                value.copy_(0.3 * torch.randn(value.shape, generator=drawn))
            elif name.endswith("running_var"):
                value.copy_(0.5 + torch.rand(value.shape, generator=drawn))
    return model


def close(found, expected, tolerance=1e-5):
    scale = expected.abs().max().clamp(min=1e-3)
    assert torch.isfinite(found).all()
    assert ((found - expected).abs().max() / scale).item() <= tolerance


@every_model
@pytest.mark.parametrize("layout", list_layouts())
def test_logits_have_their_shape_for_every_layout(name, layout):
    model = make(name, layout)
    logits = logits_of(model, *batch(model))
    assert logits.shape == (3, CLASSES) and torch.isfinite(logits).all()


@every_model
@pytest.mark.parametrize("channels", [2, 4])
def test_other_numbers_of_channels(name, channels):
    model = make(name, channels=channels)
    assert logits_of(model, *batch(model)).shape == (3, CLASSES)


@every_model
def test_it_knows_what_it_was_made_for(name):
    model = make(name)
    assert (model.name, model.layout.name) == (name, FAST_LAYOUT)
    assert (model.num_classes, model.channels) == (CLASSES, 3)
    assert model.inputs == model_entry(name).inputs and model.inputs[:2] == ("poses", "mask")
    assert model.options.keys() == model_entry(name).options.keys()


@every_model
@some_layouts
def test_every_parameter_gets_a_gradient(name, layout):
    model = make(name, layout).train()
    logits = run_heads(model, *batch(model, clips=6))
    functional.cross_entropy(logits, torch.arange(len(logits)) % CLASSES).backward()
    without = [
        key
        for key, value in model.named_parameters()
        if value.grad is None or not torch.isfinite(value.grad).all() or not value.grad.any()
    ]
    assert not without


@every_model
def test_inputs_stay_untouched(name):
    model = make(name).train()
    poses, mask = batch(model)
    before = poses.clone(), mask.clone()
    run(model, poses, mask).sum().backward()
    logits_of(model, poses, mask)
    assert torch.equal(poses, before[0]) and torch.equal(mask, before[1])


@every_model
@some_layouts
def test_a_clip_alone_equals_the_same_clip_in_a_batch(name, layout):
    model = randomise_norms(make(name, layout))
    poses, mask = batch(model)
    together = logits_of(model, poses, mask)
    for i in range(len(poses)):
        alone = poses[i : i + 1], mask[i : i + 1]
        close(logits_of(model, *alone, **more_inputs(model, alone[0], i))[0], together[i])


@every_model
@torch.no_grad()
def test_no_mask_means_that_everybody_is_there(name):
    model = randomise_norms(make(name))
    poses, mask = batch(model)
    close(run(model, poses, None), logits_of(model, poses, torch.ones_like(mask)))


@every_model
@some_layouts
def test_what_stands_in_masked_places_changes_nothing(name, layout):
    model = randomise_norms(make(name, layout))
    poses, mask = batch(model)
    mask[0, -1] = model.persons == 1  # a person who is absent throughout
    expected = logits_of(model, poses, mask)
    for rubbish in (0.0, 1e3, float("nan")):
        other = poses.masked_fill(~mask[..., None, None], rubbish)
        close(logits_of(model, other, mask), expected)


@every_model
@some_layouts
@pytest.mark.parametrize("padding", [1, 2, 3, 9])
def test_padded_frames_change_nothing(name, layout, padding):
    model = randomise_norms(make(name, layout))
    if model.frames is not None:
        pytest.skip(f"{name} takes {model.frames} frames, no more")
    for frames in (1, 2, 11, 12):
        poses, mask = batch(model, frames=frames)
        mask[:, 0] = True
        longer = functional.pad(poses, (0, 0, 0, 0, 0, padding)), functional.pad(mask, (0, padding))
        close(logits_of(model, *longer), logits_of(model, poses, mask))


@every_model
@some_layouts
def test_absent_persons_change_nothing(name, layout):
    model = randomise_norms(make(name, layout))
    if model.persons is not None:
        pytest.skip(f"{name} takes {model.persons} persons, no more")
    poses, mask = batch(model)
    more_poses = torch.cat([poses, torch.zeros_like(poses)], 1)
    more_mask = torch.cat([mask, torch.zeros_like(mask)], 1)
    close(logits_of(model, more_poses, more_mask), logits_of(model, poses, mask))


@every_model
def test_training_ignores_masked_places_too(name):
    model = randomise_norms(make(name)).train()
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    poses, mask = batch(model)
    mask[0, -1] = model.persons == 1
    results = []
    for rubbish in (0.0, 5.0):
        twin = copy.deepcopy(model)
        other = poses.masked_fill(~mask[..., None, None], rubbish)
        logits = run_heads(twin, other, mask)
        logits.square().sum().backward()
        gradients = torch.cat([p.grad.flatten() for p in twin.parameters()])
        buffers = torch.cat([b.flatten().float() for b in (torch.ones(1), *twin.buffers())])
        results.append((logits, gradients, buffers))
    for one, other in zip(*results, strict=True):
        close(other, one)


@every_model
@some_layouts
def test_an_empty_clip_is_finite(name, layout):
    model = randomise_norms(make(name, layout))
    poses, mask = batch(model)
    mask[1] = False
    logits = logits_of(model, poses, mask)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(logits_of(model, poses, torch.zeros_like(mask))).all()


@every_model
def test_a_training_step_on_an_empty_clip_is_finite(name):
    for empty in (slice(1, 2), slice(None)):
        model = make(name).train()
        poses, mask = batch(model)
        mask[empty] = False
        run(model, poses.masked_fill(~mask[..., None, None], 0), mask).sum().backward()
        for value in [*model.state_dict().values(), *(p.grad for p in model.parameters())]:
            assert value is None or torch.isfinite(value).all()


@every_model
def test_other_sizes_than_it_was_made_for_are_errors(name):
    model = make(name)
    poses, mask = batch(model)
    wrong = [(poses[0], mask[0]), (poses[:, :, :, 1:], mask), (poses[..., :1], mask)]
    wrong += [(poses, mask[:, :, 1:]), (poses, mask.float()), (poses.long(), mask)]
    for wrong_poses, wrong_mask in [*wrong, (poses[:, :, :0], mask[:, :, :0])]:
        with pytest.raises(ShapeError):
            model(wrong_poses, wrong_mask, **more_inputs(model, poses))


@every_model
def test_weights_survive_a_file(name, tmp_path):
    model = randomise_norms(make(name))
    file = tmp_path / "weights.safetensors"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, file)
    other = make(name, generator=seeded(99))
    assert load_weights(other, file) == []
    poses, mask = batch(model)
    assert torch.equal(logits_of(other, poses, mask), logits_of(model, poses, mask))


@every_model
def test_a_replaced_head_keeps_the_rest(name):
    model, other = make(name), make(name, num_classes=CLASSES + 2, generator=seeded(99))
    with pytest.raises(ModelError, match="other shapes"):
        load_weights(other, model.state_dict())
    fresh = load_weights(other, model.state_dict(), replace_head=True)
    assert fresh and all(key.startswith(tuple(f"{n}." for n in other.head_names)) for key in fresh)
    kept = model.state_dict().keys() - set(fresh)
    assert kept and all(torch.equal(model.state_dict()[k], other.state_dict()[k]) for k in kept)


@every_model
def test_pickle_and_deepcopy(name):
    model = randomise_norms(make(name))
    poses, mask = batch(model)
    expected = logits_of(model, poses, mask)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert torch.equal(logits_of(twin, poses, mask), expected)
        assert twin.options == model.options and twin.layout == model.layout


@every_model
def test_the_same_generator_gives_the_same_weights(name):
    one, same, other = make(name), make(name), make(name, generator=seeded(3))
    assert all(map(torch.equal, one.state_dict().values(), same.state_dict().values()))
    assert not all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


@every_model
def test_bfloat16_is_near(name):
    model = randomise_norms(make(name))
    poses, mask = batch(model)
    expected = logits_of(model, poses, mask)
    with torch.autocast("cpu", torch.bfloat16):
        close(logits_of(model, poses, mask).float(), expected, tolerance=0.1)
        run_heads(model.train(), poses, mask).float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@every_model
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about its own insides
def test_it_can_be_traced_for_compilation(name):
    _check_compiled(name, FAST_LAYOUT, "aot_eager", sizes=(3,))


@every_model
@pytest.mark.slow
@pytest.mark.parametrize("layout", [FAST_LAYOUT, "kinect_v2_25"])
@pytest.mark.filterwarnings("ignore")
def test_it_compiles(name, layout):
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        pytest.skip("torch.compile needs a C++ compiler, and there is none")
    _check_compiled(name, layout, "inductor", sizes=(3, 2))


def _check_compiled(name, layout, backend, sizes):
    model = randomise_norms(make(name, layout))
    poses, mask = batch(model)
    torch.compiler.reset()
    compiled = torch.compile(model, backend=backend)
    for clips in sizes:
        some = poses[:clips], mask[:clips]
        with torch.no_grad():
            found = run(compiled, *some, **more_inputs(model, some[0]))
        close(found, logits_of(model, *some), tolerance=1e-4)
    torch.compiler.reset()


@every_model
@some_layouts
def test_an_exported_graph_computes_the_same(name, layout, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
    from gesta.export import export_onnx

    model = randomise_norms(make(name, layout))
    exported = export_onnx(model, tmp_path / "model.onnx", card={"classes": ["a"]})
    assert exported.error <= 1e-5 and exported.path.is_file()
    assert exported.inputs["mask"][0] == "N"


STATED = [(name, stated) for name in list_models() for stated in model_entry(name).stated]


@pytest.mark.parametrize(("name", "stated"), STATED)
def test_sizes_are_as_stated(name, stated):
    model = create_model(name, stated.layout, stated.num_classes, stated.channels, **stated.options)
    cost = count(model, stated.frames, stated.persons)
    assert cost.parameters == stated.parameters
    assert cost.multiply_adds == pytest.approx(stated.multiply_adds, rel=1e-3)


@every_model
def test_it_overfits_eight_clips(name):
    model = make(name, num_classes=8).train()
    poses, mask = batch(model, clips=8)
    labels = torch.arange(8)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for step in range(400):
            # Evaluated as well: running statistics follow the weights some steps later.
            if step % 20 == 0 and torch.equal(logits_of(model, poses, mask).argmax(1), labels):
                break
            loss = functional.cross_entropy(run(model.train(), poses, mask), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert torch.equal(logits_of(model, poses, mask).argmax(1), labels)


def choices_of(option):
    """Values of an option other than its default, where its type lists them."""
    listed = [True, False] if option.type is bool else []
    if typing.get_origin(option.type) is typing.Literal:
        listed = typing.get_args(option.type)
    return [value for value in listed if value != option.default]


CHOICES = [
    (name, option.name, value)
    for name in list_models()
    for option in model_entry(name).options.values()
    for value in choices_of(option)
]


@pytest.mark.parametrize(("name", "option", "value"), CHOICES)
def test_every_choice_of_an_option_runs(name, option, value):
    model = make(name, **{option: value})
    assert model.options[option] == value
    poses, mask = batch(model)
    mask[0, -1] = model.persons == 1
    poses = poses.masked_fill(~mask[..., None, None], 0)
    run(model.train(), poses, mask).sum().backward()
    assert torch.isfinite(logits_of(randomise_norms(model), poses, mask)).all()
