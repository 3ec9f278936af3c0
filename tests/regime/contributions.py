"""Contributions for tests: a method that is watched, and what a peer makes of what was released."""

import weakref
from dataclasses import dataclass, field, replace

from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.payload.codec import decode
from dpm_flower.payload.content import content
from dpm_flower.payload.envelope import Envelope
from tests.methods.preparations import preparation
from tests.regime.examples import NETS, POISONING, notary


@dataclass(frozen=True)
class Watched:
    """Deep Poisoning, with a note of each preparation and weak references to what it made."""

    inner: DeepPoisoning = POISONING
    name: str = "watched"
    sharers: list = field(default_factory=list, repr=False, compare=False)
    weights: list = field(default_factory=list, repr=False, compare=False)

    def prepare(self, preparation):
        sharer = self.inner.prepare(preparation)
        self.sharers.append(weakref.ref(sharer.module))
        self.weights.append([tensor.numpy().tobytes() for tensor in sharer.module.state_dict().values() if tensor.numel() > 8])
        return sharer


def released(one, made, spec=NETS.spec):
    """The batch that a peer would decode from the pool of a task's entity."""
    release = notary().verify(Envelope.from_bytes(made.envelope.encode()), one, one.entity, spec)
    pool = Pool(one.site.pool)
    pool.check(release)
    assert pool.digests() == [release.digest]
    shards = list(content(release, pool.shards(release)))
    return decode(shards, spec, classes=release.manifest.classes, samples=release.manifest.samples), release.manifest


def preparation_of(one):
    return replace(preparation(), private=one.train, rng=one.stream("method", repr(POISONING)))
