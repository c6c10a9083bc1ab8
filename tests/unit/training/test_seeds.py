import torch

from gesta.training.seeds import derive_seed, generator_for, seeded


def test_seeds_differ_by_seed_purpose_and_epoch():
    seeds = {
        derive_seed(seed, purpose, epoch)
        for seed in range(3)
        for purpose in ("weights", "order", "augment", "dropout")
        for epoch in range(20)
    }
    assert len(seeds) == 240
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_generators_repeat():
    first, second = (torch.rand(5, generator=generator_for(1, "order", 2)) for _ in range(2))
    assert torch.equal(first, second)


def test_dropout_follows_from_seed_and_epoch_and_leaves_torch_as_it_was():
    ones, dropout = torch.ones(100), torch.nn.Dropout(0.5)

    def draw(seed, epoch):
        with seeded(seed, epoch, torch.device("cpu")):
            return dropout(ones)

    before = torch.get_rng_state()
    assert torch.equal(draw(0, 0), draw(0, 0))
    assert not torch.equal(draw(0, 0), draw(0, 1)) and not torch.equal(draw(0, 0), draw(1, 0))
    assert torch.equal(torch.get_rng_state(), before)
