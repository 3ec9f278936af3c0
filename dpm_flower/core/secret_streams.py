"""Random streams that only who holds a secret can draw: a secret and names -> a CPU generator, every bit of whose state is secret.

A seed will not do: torch's CPU generator takes 32 bits of it, and those are tried out in hours.
"""

import hashlib
import struct

import torch
from torch import Tensor

SECRET_BYTES = 32  # as long as the keys that protect what is encrypted
STATE_WORDS = 624  # 32-bit words of the Mersenne Twister
WORDS_FROM = 24  # bytes before them in torch's state: seed, numbers left, seeded, next


def secret_stream(secret: str, *owner: str) -> torch.Generator:
    """A secret and an owner's path of names -> a generator; equal ones give equal generators, on every machine."""
    return _generator("\x1f".join((secret, *owner)).encode())


def child_stream(rng: torch.Generator) -> torch.Generator:
    """A stream -> one of its own for the next thing, which tells nothing about any other drawn from `rng`.

    A Mersenne Twister is known in full from a few thousand of its numbers. So whoever comes to know what was drawn for one image
    would know what was drawn for all; a hash lies in between, which nobody turns round. Takes 32 bytes from `rng`.
    """
    drawn = torch.randint(256, (SECRET_BYTES,), generator=rng, dtype=torch.uint8)
    return _generator(bytes(drawn.tolist()))


def _generator(key: bytes) -> torch.Generator:
    words = struct.unpack(f"<{STATE_WORDS}I", hashlib.shake_256(key).digest(4 * STATE_WORDS))
    rng = torch.Generator()
    state = rng.get_state()
    state[WORDS_FROM : WORDS_FROM + 8 * STATE_WORDS] = _bytes(struct.pack(f"<{STATE_WORDS}Q", *words))  # each in 8 bytes
    return rng.set_state(state)


def _bytes(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
