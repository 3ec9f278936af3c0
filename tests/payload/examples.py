"""Valid pieces of a release, small, with any part of them replaced."""

from dataclasses import replace

import torch

from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.shared import SharedFeatures, SharedImages
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.shard import ShardEntry
from dpm_flower.payload.verification import Expectation

SPEC = FeatureSpec(backbone="resnet20", hook="conv3_1", shape=(4, 3, 2), featurizer_digest="ab" * 32, non_negative=True)
NOW = 1_800_000_000
CLASSES = 7

_MANIFEST = Manifest(
    campaign="c-0123",
    round=2,
    sequence=5,
    sender="entity-b",
    method="DPM, λ = 1",
    spec=SPEC,
    classes=CLASSES,
    samples=10,
    shards=(ShardEntry("features-00000.safetensors", "0" * 64, 100), ShardEntry("features-00001.safetensors", "1" * 64, 50)),
    made_at=NOW - 60,
    expires_at=NOW + 3600,
    recipients=("entity-a", "entity-c"),
    audit={"A0.ssim_p": 0.07, "L1.rank1": 0.125},
)


def manifest(**changes):
    return replace(_MANIFEST, **changes)


def expectation(**changes):
    kept = {"campaign": "c-0123", "sender": "entity-b", "spec": SPEC, "classes": CLASSES, "now": NOW, "replays": {}, "receiver": "entity-a"}
    return Expectation(**(kept | changes))


def features(samples=10, seed=0):
    rng = torch.Generator().manual_seed(seed)
    values = torch.randn((samples, *SPEC.shape), generator=rng).relu()
    return SharedFeatures(values, torch.randint(0, CLASSES, (samples,), generator=rng))


def images(samples=10, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return SharedImages(torch.rand((samples, 3, 5, 4), generator=rng), torch.randint(0, CLASSES, (samples,), generator=rng))
