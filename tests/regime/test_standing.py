"""An entity's standing: its releases are believed by its peers, and where they are confidential, opened by members only."""

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import Manifest
from dpm_flower.regime.consortium import Consortium
from dpm_flower.regime.contribute import contribute
from dpm_flower.regime.receive import receive
from dpm_flower.regime.standing import Standing
from tests.regime.examples import NETS, task

METHOD = RawFeatures()


@pytest.fixture
def consortium(tmp_path):
    made = Consortium(tmp_path)
    made.found(("a", "b"))
    return made


def standing(consortium, name, *, confidential=False):
    site = consortium.site(name)
    site.pool.mkdir(parents=True, exist_ok=True)
    return Standing.open(site.identity, consortium.roster, site.roster_lock, site.replays, confidential=confidential)


def exchanged(consortium, *, confidential):
    """a's release as b takes it -> (its manifest, what b refused, how many samples b got)."""
    one = task(consortium.run / "sites", "a")
    made = contribute(one, NETS, METHOD, 0, standing(consortium, "a", confidential=confidential).notary())
    manifest = Manifest.from_bytes(Envelope.from_bytes(made.envelope.encode()).payload)
    reader, got = task(consortium.run / "sites", "b"), []
    exchange = LocalExchange({"a": one.site.pool})
    notary = standing(consortium, "b").notary()
    refused = receive(reader, [("a", made.envelope)], NETS.spec, notary, exchange, got.extend, method=METHOD.name)
    return manifest, refused, sum(len(batch.labels) for batch in got)


@pytest.mark.parametrize("confidential", [False, True])
def test_a_member_reads_what_a_member_released(consortium, confidential):
    manifest, refused, samples = exchanged(consortium, confidential=confidential)
    assert (refused, samples) == ((), manifest.samples)
    assert manifest.encryption == ("aes-256-gcm-segments" if confidential else "none")
    assert manifest.recipients == (("a", "b") if confidential else ())
    assert len(manifest.audit_log_head) == 64


def test_a_confidential_release_has_nothing_of_the_features_on_the_disk(consortium):
    exchanged(consortium, confidential=True)
    shards = [path.read_bytes() for path in consortium.site("a").pool.rglob("*.shard")]
    assert shards
    assert not any(b"features" in shard[:200] or shard.startswith(b"\x28\xb5\x2f\xfd") for shard in shards)  # safetensors, Zstandard


def test_another_consortium_s_member_is_nobody_here(consortium, tmp_path_factory):
    other = Consortium(tmp_path_factory.mktemp("other"))
    other.found(("a", "b"))
    one = task(other.run / "sites", "a")
    made = contribute(one, NETS, METHOD, 0, standing(other, "a").notary())
    with pytest.raises(ReleaseError, match="not one of this signer"):
        standing(consortium, "b").notary().verify(
            Envelope.from_bytes(made.envelope.encode()), task(consortium.run / "sites", "b"), "a", NETS.spec
        )
