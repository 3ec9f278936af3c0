import random
import secrets

import pytest
import torch

from dpm_flower.core.secret_streams import STATE_WORDS, child_stream, secret_stream
from dpm_flower.core.streams import derived_seed, stream

SECRET = "5e" * 32


def draws(rng, count=8):
    return tuple(torch.rand(count, generator=rng).tolist())


def words(rng):
    """The 32-bit words of a generator's state, as torch keeps them."""
    return rng.get_state().numpy().tobytes()[24 : 24 + 8 * STATE_WORDS]


def test_a_seed_has_thirty_two_bits_whatever_it_looks_like():
    """Why a secret is not made a seed: who tries out 2^32 seeds has tried out all."""
    seed = derived_seed(0, SECRET)
    assert seed >= 2**32
    assert draws(torch.Generator().manual_seed(seed)) == draws(torch.Generator().manual_seed(seed % 2**32))


def test_equal_secrets_and_owners_give_equal_streams_and_others_do_not():
    assert draws(secret_stream(SECRET, "a", "b")) == draws(secret_stream(SECRET, "a", "b"))
    others = [secret_stream(*names) for names in ((SECRET,), (SECRET, "a"), (SECRET, "b"), (SECRET, "a", "b"), (SECRET[:-1] + "f", "a"))]
    assert len({draws(rng) for rng in others}) == len(others)
    assert draws(secret_stream(SECRET)) != draws(stream(0, SECRET))


def test_every_bit_of_the_state_comes_from_the_secret():
    one, other = (torch.frombuffer(bytearray(words(secret_stream(secret))), dtype=torch.int64) for secret in (SECRET, "7f" * 32))
    seeded = torch.frombuffer(bytearray(words(stream(0))), dtype=torch.int64)
    assert int((one == other).sum()) == int((one == seeded).sum()) == 0
    assert int(one.max()) < 2**32 <= 2 * int(one.max())


def test_its_numbers_are_those_of_a_mersenne_twister_in_that_state():
    rng = secret_stream(SECRET)
    state = torch.frombuffer(bytearray(words(rng)), dtype=torch.int64).tolist()
    reference = random.Random()
    reference.setstate((3, (*state, STATE_WORDS), None))
    drawn = torch.randint(256, (700,), generator=rng, dtype=torch.uint8).tolist()
    assert drawn == [reference.getrandbits(32) % 256 for _ in range(700)]


def test_its_numbers_are_spread_evenly():
    values = torch.rand(20_000, generator=secret_stream(secrets.token_hex(32)))
    assert float(values.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(torch.corrcoef(torch.stack([values[:-1], values[1:]]))[0, 1]) == pytest.approx(0, abs=0.05)


def test_children_differ_and_depend_on_their_parent_alone():
    one, again = secret_stream(SECRET), secret_stream(SECRET)
    children = [draws(child_stream(one)) for _ in range(20)]
    assert len(set(children)) == 20
    assert [draws(child_stream(again)) for _ in range(20)] == children
    assert draws(child_stream(stream(1))) != draws(child_stream(stream(2)))


def test_a_child_s_state_is_not_its_parent_s():
    parent = secret_stream(SECRET)
    before = words(parent)
    child = child_stream(parent)
    own, *parents = (set(torch.frombuffer(bytearray(text), dtype=torch.int64).tolist()) for text in (words(child), before, words(parent)))
    assert not any(own & state for state in parents)
