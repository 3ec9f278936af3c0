"""Identities in memory, each made once: keys cost some milliseconds, and tests only read them."""

from functools import cache

from dpm_flower.payload.identity import Identity
from dpm_flower.payload.passphrase_lock import LEAST_COST, PassphraseLock

MADE_AT = 1_800_000_000


@cache
def identity(name="entity-a", *, post_quantum=True):
    return Identity.generate(name, f"{name}.example.org:8443", now=MADE_AT, post_quantum=post_quantum)


def quick_lock(passphrase=b"correct horse battery"):
    return PassphraseLock(passphrase, LEAST_COST)
