"""Named random streams: randomness is an argument that carries its owner's name, never a process-wide seed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dpm_flower.core.secret_streams import child_stream

SEED_BITS = 63  # torch seeds are signed 64-bit; the sign is left out


def derived_seed(seed: int, *owner: str) -> int:
    """A study's seed and an owner's path of names -> a 63-bit seed; equal names give equal seeds, on every machine."""
    text = "\x1f".join((str(seed), *owner)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> (64 - SEED_BITS)


def stream(seed: int, *owner: str) -> torch.Generator:
    """A CPU generator that belongs to one owner, for example ``stream(0, "entity-c", "dpm")``."""
    return torch.Generator().manual_seed(derived_seed(seed, *owner))


@contextmanager
def global_generator_from(rng: torch.Generator) -> Iterator[None]:
    """Torch's global generator, seeded from `rng` inside the block and as it was outside.

    Initialisation and dropout draw from the global generator and take no other; this is the one way in which we let them.
    """
    seed = int(torch.randint(0, 2**62, (1,), generator=rng).item())
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)  # of all devices
        torch.set_rng_state(child_stream(rng).get_state())  # of that seed the CPU's generator takes 32 bits, which can be tried out
        yield
