import shutil
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch

from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.exchange import layout
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.payload.codec import HEADER_BYTES, encode
from dpm_flower.payload.envelope import Envelope, Signature
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.regime.contribute import contribute
from dpm_flower.regime.pooling import PooledFeatures
from dpm_flower.regime.receive import receive
from tests.exchange.examples import DAMAGES
from tests.regime.examples import NETS, notary, task
from tests.training.toys import SIDE

NAMES = ("a", "b", "c")


@pytest.fixture
def campaign(tmp_path):
    """-> (the tasks of a, b, c by name; the claims of all three, who released raw features)."""
    tasks = {name: task(tmp_path, name) for name in NAMES}
    return tasks, [(name, contribute(one, NETS, RawFeatures(), 0, notary()).envelope) for name, one in tasks.items()]


def exchange(tasks):
    return LocalExchange({name: one.site.pool for name, one in tasks.items()})


@dataclass
class Came:
    batches: tuple
    refused: tuple


def came_over(tasks, claims, over, notary_of_a=None, spec=NETS.spec, method="raw-features"):
    batches = []

    def take(release):
        batches.extend(list(release))

    refused = receive(tasks["a"], claims, spec, notary_of_a or notary(), over, take, method=method)
    return Came(tuple(batches), refused)


def received(tasks, claims, *known, **changes):
    return came_over(tasks, claims, exchange(tasks), *known, **changes)


def is_of(batch, one):
    wanted = NETS.featurizer(one.train.images).detach().half().float()
    return isinstance(batch, SharedFeatures) and batch.features.shape == wanted.shape and torch.allclose(batch.features, wanted, atol=2e-3)


def release_folder(one, envelope):
    return layout.release_folder(one.site.pool, Envelope.from_bytes(envelope.encode()).digest)


def test_everybody_else_s_releases_come_in_the_order_of_names(campaign):
    tasks, claims = campaign
    for order in (claims, claims[::-1]):
        came = received(tasks, order)
        assert came.refused == ()
        assert [is_of(batch, tasks[name]) for batch, name in zip(came.batches, "bc", strict=True)] == [True, True]
    assert len(Pool(tasks["a"].site.pool).digests()) == 3


def test_receiving_again_needs_no_peer(campaign):
    tasks, claims = campaign
    known = notary()
    first = received(tasks, claims, known)
    for name in "bc":
        shutil.rmtree(tasks[name].site.folder)
    again = received(tasks, claims, known)
    assert again.refused == ()
    assert all(torch.equal(one.features, other.features) for one, other in zip(first.batches, again.batches, strict=True))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_release_is_refused_and_the_others_are_used(campaign, damage):
    tasks, claims = campaign
    DAMAGES[damage](release_folder(tasks["b"], dict(claims)["b"]) / layout.shard_name(0))
    came = received(tasks, claims)
    assert [is_of(batch, tasks["c"]) for batch in came.batches] == [True]
    ((sender, reason),) = came.refused
    assert sender == "b"
    assert "shard" in reason
    assert len(Pool(tasks["a"].site.pool).digests()) == 2


def test_a_missing_release_is_refused_and_the_others_are_used(campaign):
    tasks, claims = campaign
    shutil.rmtree(release_folder(tasks["b"], dict(claims)["b"]))
    came = received(tasks, claims)
    assert [is_of(batch, tasks["c"]) for batch in came.batches] == [True]
    assert came.refused[0][0] == "b"
    assert "b does not deliver" in came.refused[0][1]


def altered(text, **changes):
    envelope = Envelope.from_bytes(text.encode())
    return Envelope(**{"payload": envelope.payload, "payload_type": envelope.payload_type, "signatures": ()} | changes).to_bytes().decode()


@pytest.mark.parametrize(
    ("claim_of_b", "reason"),
    [
        (lambda claims: claims["c"], "wanted a release of b, got one of c"),
        (lambda claims: claims["a"], "wanted a release of b, got one of a"),
        (lambda claims: "", "an envelope"),
        (lambda claims: "no JSON", "an envelope"),
        (lambda claims: claims["b"] + " ", "an envelope"),
        (lambda claims: altered(claims["b"], payload=b"{}"), "a manifest"),
        (lambda claims: altered(claims["b"], payload_type="text/plain"), "wanted an envelope of"),
        (lambda claims: altered(claims["b"], signatures=(Signature("b", b"x"),)), "cannot check signatures"),
    ],
)
def test_a_claim_that_is_no_release_of_its_sender_is_refused_and_the_others_are_used(campaign, claim_of_b, reason):
    tasks, claims = campaign
    came = received(tasks, [("b", claim_of_b(dict(claims))), ("c", dict(claims)["c"])])
    assert [is_of(batch, tasks["c"]) for batch in came.batches] == [True]
    assert came.refused[0][0] == "b"
    assert reason in came.refused[0][1]


def test_a_release_of_another_campaign_is_refused(campaign, tmp_path):
    tasks, claims = campaign
    other = contribute(task(tmp_path, "b", campaign="c-1"), NETS, RawFeatures(), 0, notary()).envelope
    came = received(tasks, [("b", other), claims[2]])
    assert len(came.batches) == 1
    assert came.refused == (("b", "wanted a release of campaign c-0, got one of c-1"),)


def test_another_release_under_the_same_number_is_a_replay(campaign, tmp_path):
    tasks, claims = campaign
    known = notary()
    received(tasks, claims, known)
    shorter = task(tmp_path, "b", train=tasks["b"].train.take(torch.arange(9)))
    shorter.site.contribution("c-0", repr(RawFeatures())).unlink()
    other = contribute(shorter, NETS, RawFeatures(), 0, notary()).envelope
    came = received(tasks, [("b", other), claims[2]], known)
    assert len(came.batches) == 1
    assert came.refused[0][0] == "b"
    assert "replay" in came.refused[0][1]


def test_the_same_claim_twice_is_one_batch(campaign):
    tasks, claims = campaign
    assert len(received(tasks, claims + claims).batches) == 2


def test_images_where_features_are_wanted_are_refused_and_the_other_way_round(campaign, tmp_path):
    tasks, claims = campaign
    images = contribute(tasks["b"], NETS, RawImages(), 1, notary()).envelope
    assert received(tasks, [("b", images)]).refused == (("b", "wanted a release of features, got images"),)
    as_images = received(tasks, [("b", images), claims[2]], spec=ImageSpec(shape=(3, SIDE, SIDE)), method="raw-images")
    assert len(as_images.batches) == 1
    assert as_images.refused == (("c", "wanted a release of images, got features"),)


def test_an_entity_without_a_pool_is_refused(campaign):
    tasks, claims = campaign
    came = came_over(tasks, claims, LocalExchange({name: tasks[name].site.pool for name in "ab"}))
    assert len(came.batches) == 1
    assert came.refused[0][0] == "c"


def test_an_exchange_that_brings_nothing_costs_the_releases_and_no_more(campaign):
    class Empty:
        def fetch(self, release, into, *, within_s):
            return

    tasks, claims = campaign
    came = came_over(tasks, claims, Empty())
    assert came.batches == ()
    assert [sender for sender, _ in came.refused] == ["b", "c"]


def test_no_claims_are_no_batches(campaign):
    tasks, claims = campaign
    assert received(tasks, claims[:1]).batches == ()
    assert received(tasks, []).batches == ()


def test_an_own_pool_that_cannot_be_written_is_no_peer_s_fault(campaign, tmp_path):
    tasks, claims = campaign
    shutil.rmtree(tasks["a"].site.folder)
    tasks["a"].site.folder.write_text("")
    with pytest.raises(OutputError):
        received(tasks, claims)


def test_a_release_of_another_method_is_refused(campaign):
    tasks, claims = campaign
    came = received(tasks, claims, method="deep-poisoning")
    assert came.batches == ()
    assert came.refused[0] == ("b", "wanted a release of deep-poisoning, got one of raw-features")


def test_a_batch_that_cannot_be_taken_costs_that_release_only(campaign):
    def take(batches):
        if not taken:
            taken.append(None)
            raise ReleaseError("not this one")
        taken.extend(batches)

    tasks, claims = campaign
    taken = []
    refused = receive(tasks["a"], claims, NETS.spec, notary(), exchange(tasks), take, method="raw-features")
    assert refused == (("b", "not this one"),)
    assert is_of(taken[1], tasks["c"])


ALLOCATORS_WORDS = "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."


@pytest.mark.parametrize("lack", [MemoryError("no room"), RuntimeError(ALLOCATORS_WORDS)])
def test_a_release_that_does_not_fit_into_memory_costs_its_sender_that_release_only(campaign, lack):
    def take(batches):
        taken.extend(batches)
        if len(taken) == 1:
            raise lack

    tasks, claims = campaign
    taken = []
    refused = receive(tasks["a"], claims, NETS.spec, notary(), exchange(tasks), take, method="raw-features")
    assert refused == (("b", f"its release does not fit into memory here: {lack}"),)
    assert is_of(taken[1], tasks["c"])


def test_other_errors_are_no_lack_of_memory(campaign):
    def take(batches):
        raise RuntimeError("shapes do not fit")

    tasks, claims = campaign
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        receive(tasks["a"], claims, NETS.spec, notary(), exchange(tasks), take, method="raw-features")


def test_the_decoder_itself_running_out_of_memory_costs_that_release_only(campaign, monkeypatch):
    tasks, claims = campaign
    real, asked = np.empty, []

    def empty(shape, *more):
        asked.append(shape)
        if len(asked) == 1:
            raise MemoryError("Unable to allocate 9 TiB")
        return real(shape, *more)

    monkeypatch.setattr(np, "empty", empty)
    came = received(tasks, claims)
    assert came.refused[0][0] == "b"
    assert "Unable to allocate 9 TiB" in came.refused[0][1]
    assert [is_of(batch, tasks["c"]) for batch in came.batches] == [True]


def test_a_release_of_several_shards_comes_shard_by_shard(campaign, monkeypatch):
    monkeypatch.setattr("dpm_flower.regime.contribute.encode", partial(encode, max_shard_bytes=HEADER_BYTES + 2000))
    tasks, _ = campaign
    one = task(tasks["b"].site.folder.parent, "b", campaign="c-1")
    claim = contribute(one, NETS, RawFeatures(), 0, notary()).envelope
    came = came_over(tasks | {"a": task(tasks["a"].site.folder.parent, "a", campaign="c-1")}, [("b", claim)], exchange(tasks))
    assert came.refused == ()
    assert len(came.batches) > 1
    whole = SharedFeatures(torch.cat([batch.features for batch in came.batches]), torch.cat([batch.labels for batch in came.batches]))
    assert is_of(whole, one)
    assert torch.equal(whole.labels, one.train.labels)


def test_a_shard_that_is_damaged_takes_back_those_before_it(campaign, monkeypatch):
    monkeypatch.setattr("dpm_flower.regime.contribute.encode", partial(encode, max_shard_bytes=HEADER_BYTES + 2000))
    tasks, _ = campaign
    folder = tasks["a"].site.folder.parent
    a, *others = (task(folder, name, campaign="c-1") for name in "abc")
    claims = [(one.entity, contribute(one, NETS, RawFeatures(), 0, notary()).envelope) for one in others]
    over = exchange(tasks)

    class ThenDamaged:
        """An exchange after which the disk breaks the last shard of what b sent."""

        def fetch(self, release, into, *, within_s):
            over.fetch(release, into)
            if release.manifest.sender == "b":
                DAMAGES["flipped"](sorted(layout.release_folder(a.site.pool, release.digest).glob("*.shard"))[-1])

    with PooledFeatures(a, NETS, "arm") as pooled:
        refused = receive(a, claims, NETS.spec, notary(), ThenDamaged(), pooled.take, method="raw-features")
        assert [sender for sender, _ in refused] == ["b"]
        inputs, labels = pooled.examples.inputs, pooled.examples.labels
        assert torch.equal(labels, torch.cat([a.train.labels, others[1].train.labels]))
        assert is_of(SharedFeatures(inputs[torch.arange(len(a.train), len(labels))], labels[len(a.train) :]), others[1])
