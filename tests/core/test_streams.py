import hashlib

import pytest
import torch

from dpm_flower.core.streams import derived_seed, global_generator_from, stream


def draws(rng):
    return torch.rand(8, generator=rng).tolist()


def test_the_same_names_give_the_same_numbers():
    assert draws(stream(3, "entity-a", "dpm")) == draws(stream(3, "entity-a", "dpm"))


def test_other_names_paths_and_seeds_give_other_numbers():
    owners = [(0,), (0, "a"), (0, "b"), (0, "a", "b"), (0, "b", "a"), (0, "ab"), (1, "a"), (-1, "a"), (10, "a"), (1, "0", "a")]
    assert len({tuple(draws(stream(*owner))) for owner in owners}) == len(owners)


def test_a_seed_is_the_same_on_every_machine_and_one_that_torch_takes():
    digest = hashlib.sha256(b"7\x1fentity-a\x1fdpm").hexdigest()
    assert derived_seed(7, "entity-a", "dpm") == int(digest[:16], 16) // 2
    assert all(0 <= derived_seed(seed, "x") < 2**63 for seed in range(100))


def test_a_stream_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    draws(stream(0, "a"))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_inside_the_block_the_global_generator_follows_the_stream_and_outside_nothing_happened():
    before = torch.random.get_rng_state()
    with global_generator_from(stream(0, "a")):
        first = torch.rand(4)
    torch.rand(1)
    with global_generator_from(stream(0, "a")):
        second = torch.rand(4)
    with global_generator_from(stream(0, "b")):
        other = torch.rand(4)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    torch.random.set_rng_state(before)


def test_two_blocks_of_one_stream_differ():
    rng = stream(0, "a")
    with global_generator_from(rng):
        first = torch.rand(4)
    with global_generator_from(rng):
        assert not torch.equal(torch.rand(4), first)


def test_the_global_generator_is_put_back_even_after_an_error():
    before = torch.random.get_rng_state()

    def fail():
        with global_generator_from(stream(0, "a")):
            torch.rand(4)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(torch.random.get_rng_state(), before)
