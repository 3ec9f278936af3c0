"""A release in a codec, from the method to who trains on it and to who attacks it."""

from dataclasses import replace

import torch

from dpm_flower.core.shared import SharedFeatures
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.methods.coded import Coded
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.payload.codec import as_received
from dpm_flower.regime import contribute as contributing
from dpm_flower.regime.contribute import contribute
from dpm_flower.regime.pooling import PooledFeatures
from dpm_flower.regime.receive import receive
from dpm_flower.training.prediction import apply
from tests.regime.contributions import released
from tests.regime.examples import NETS, notary, task
from tests.training.toys import CPU

CODED = Coded(method=RawFeatures(), codec="avif-20")
SPEC = replace(NETS.spec, codec="avif-20")


def as_decoded(one):
    """What peers get of an entity's raw features."""
    raw = apply(NETS.featurizer, one.train.images, CPU)
    return raw, as_received(SharedFeatures(raw, one.train.labels, "avif-20")).features


def test_what_is_released_audited_and_measured_is_what_a_peer_decodes(tmp_path, monkeypatch):
    one, exposed = task(tmp_path), []
    audit = contributing.audit
    monkeypatch.setattr(contributing, "audit", lambda *args: exposed.append(args[2]) or audit(*args))
    made = contribute(one, NETS, CODED, 0, notary())
    batch, manifest = released(one, made, SPEC)
    raw, wanted = as_decoded(one)
    assert torch.equal(batch.features, wanted)
    assert torch.equal(exposed[0].released.features, wanted)
    assert not torch.allclose(wanted, raw, atol=1e-2)
    assert torch.equal(batch.labels, one.train.labels)
    assert (manifest.spec, manifest.method) == (SPEC, "raw-features, avif-20")
    assert manifest.size_bytes == made.costs["bytes_sent"] < raw.numel() * 2  # float16
    plain = contribute(one, NETS, RawFeatures(), 1, notary())
    assert made.quality["ssim_z"] == plain.quality["ssim_z"]
    assert made.quality["ssim_p"] != plain.quality["ssim_p"]


def test_peers_who_expect_the_codec_train_on_what_they_decode_and_others_refuse(tmp_path):
    tasks = {name: task(tmp_path, name) for name in "ab"}
    claims = [(name, contribute(one, NETS, CODED, 0, notary()).envelope) for name, one in tasks.items()]
    over = LocalExchange({name: one.site.pool for name, one in tasks.items()})
    with PooledFeatures(tasks["a"], NETS, "coded") as pooled:
        refused = receive(tasks["a"], claims, SPEC, notary(), over, pooled.take, method=CODED.name)
        assert refused == ()
        own = len(tasks["a"].train)
        everything = torch.arange(len(pooled.examples.labels))
        assert torch.equal(pooled.examples.inputs[everything][own:], as_decoded(tasks["b"])[1].half().float())
    for spec, said in ((NETS.spec, "wanted codec , got 'avif-20'"), (replace(SPEC, codec="webp"), "wanted codec webp, got 'avif-20'")):
        ((sender, reason),) = receive(tasks["a"], claims, spec, notary(), over, list, method=CODED.name)
        assert (sender, reason) == ("b", said)
