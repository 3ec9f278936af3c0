from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.exchange import layout
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.payload.shard import ShardEntry
from dpm_flower.regime.publishing import released_spec
from tests.regime.examples import NETS, notary, task

LABELS = torch.zeros(2, dtype=torch.int64)


def manifest(made_at):
    return Manifest(
        campaign="c-0",
        round=1,
        sequence=0,
        sender="b",
        method="raw-features",
        spec=NETS.spec,
        classes=3,
        samples=2,
        shards=(ShardEntry("features-00000.safetensors", "0" * 64, 100),),
        made_at=made_at,
        expires_at=made_at + 100,
    )


@pytest.fixture
def now(monkeypatch):
    monkeypatch.setattr("dpm_flower.regime.publishing.time.time", lambda: 1_800_000_000.5)
    return 1_800_000_000


def test_each_kind_of_batch_has_its_spec():
    assert released_spec(NETS, 12, SharedFeatures(torch.zeros(2, 4, 6, 6), LABELS)) is NETS.spec
    assert released_spec(NETS, 12, SharedFeatures(torch.zeros(2, 4, 6, 6), LABELS, "webp")) == replace(NETS.spec, codec="webp")
    assert released_spec(NETS, 12, SharedImages(torch.zeros(2, 3, 12, 12), LABELS)) == ImageSpec(shape=(3, 12, 12))
    with pytest.raises(ReleaseError, match="got a model update"):
        released_spec(NETS, 12, ModelUpdate({}, 2))


def test_what_is_sealed_verifies_for_its_sender(tmp_path, now):
    one = notary()
    sealed = one.seal(manifest(now))
    assert one.verify(sealed, task(tmp_path, "a"), "b", NETS.spec).manifest == manifest(now)
    assert one.verify_own(sealed, task(tmp_path, "b"), NETS.spec).manifest == manifest(now)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"campaign": "c-9"}, "campaign"),
        ({"sender": "c"}, "wanted a release of b"),
        ({"classes": 4}, "3 classes, got 4"),
        ({"recipients": ("c",)}, "not for a"),
        ({"spec": replace(NETS.spec, featurizer_digest="1" * 64)}, "featurizer_digest"),
        ({"made_at": 1_700_000_000, "expires_at": 1_800_000_000}, "expired"),
        ({"made_at": 1_800_001_000, "expires_at": 1_800_002_000}, "ahead"),
    ],
)
def test_the_task_says_what_is_expected(tmp_path, now, changes, reason):
    with pytest.raises(ReleaseError, match=reason):
        notary().verify(notary().seal(replace(manifest(now), **changes)), task(tmp_path, "a"), "b", NETS.spec)


def test_a_notary_remembers_and_two_notaries_do_not_share_their_memories(tmp_path, now):
    first, second, one = notary(), notary(), task(tmp_path, "a")
    first.verify(first.seal(manifest(now)), one, "b", NETS.spec)
    other = first.seal(replace(manifest(now), samples=1))
    with pytest.raises(ReleaseError, match="replay"):
        first.verify(other, one, "b", NETS.spec)
    second.verify(other, one, "b", NETS.spec)


def large(size_bytes):
    return replace(manifest(1_800_000_000), shards=(ShardEntry("features-00000.safetensors", "0" * 64, size_bytes),))


@pytest.fixture
def free(monkeypatch):
    monkeypatch.setattr("dpm_flower.regime.publishing.shutil.disk_usage", lambda _: SimpleNamespace(free=1000))


def test_a_peer_may_fill_half_of_what_is_free(tmp_path, now, free):
    one = notary()
    one.verify(one.seal(large(500)), task(tmp_path, "a"), "b", NETS.spec)
    with pytest.raises(ReleaseError, match="a release may take 500 bytes, got 501: no more can be spared on the reader's disk"):
        one.verify(one.seal(replace(large(501), sequence=1)), task(tmp_path, "a"), "b", NETS.spec)


def test_the_own_release_may_fill_what_the_disk_has(tmp_path, now, free):
    one = notary()
    assert one.verify_own(one.seal(large(5000)), task(tmp_path, "b"), NETS.spec).manifest.size_bytes == 5000


def test_a_release_that_lies_here_already_takes_no_more(tmp_path, now, free):
    one, receiver = notary(), task(tmp_path, "a")
    sealed = one.seal(large(1200))
    folder = layout.release_folder(receiver.site.pool, sealed.digest)
    folder.mkdir(parents=True)
    (folder / layout.shard_name(0)).write_bytes(bytes(700))
    assert one.verify(sealed, receiver, "b", NETS.spec).manifest.size_bytes == 1200
    (folder / layout.shard_name(0)).write_bytes(bytes(699))
    with pytest.raises(ReleaseError, match="a release may take 1199 bytes, got 1200"):
        one.verify(sealed, receiver, "b", NETS.spec)


def test_a_disk_that_cannot_be_asked_is_no_peer_s_fault(tmp_path, now, monkeypatch):
    def refused(_):
        raise OSError("Input/output error")

    monkeypatch.setattr("dpm_flower.regime.publishing.shutil.disk_usage", refused)
    with pytest.raises(OutputError, match="cannot tell how much of the disk"):
        notary().verify(notary().seal(manifest(now)), task(tmp_path, "a"), "b", NETS.spec)
