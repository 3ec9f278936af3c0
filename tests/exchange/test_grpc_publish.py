"""Releases given to a relay, and withdrawn there."""

import pytest

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange.relay import RelayIntake
from tests.exchange.cutting import Proxy
from tests.exchange.fetching import DATA, RELEASE, SHARDS, client, port_of
from tests.exchange.peers import Taken, entity


class OwnPool:
    """A pool that holds RELEASE; `broken` at a shard where it is damaged."""

    def __init__(self, broken=None):
        self.broken = broken

    def open_shard(self, digest, position, offset):
        assert (digest, offset) == (RELEASE.digest, 0)
        data = SHARDS[position].data
        for start in range(0, len(data), 1 << 16):
            if position == self.broken:
                raise PoolError("our shard is damaged")
            yield data[start : start + (1 << 16)]


def intake(pool, *, refuse=""):
    def authenticate(envelope, peer):
        if refuse:
            raise ReleaseError(refuse)
        assert (envelope, peer) == (RELEASE.envelope, "entity-a")
        return RELEASE

    return RelayIntake(pool, authenticate)


@pytest.mark.parametrize("cuts", [[], [5000]])
def test_a_relay_holds_what_was_published(serve, friend, cuts):
    taken = Taken()
    with Proxy(port_of(serve(intake=intake(taken))), cuts) as proxy:
        client(friend, proxy.address).publish(RELEASE, OwnPool(), "entity-b")
    assert taken.shards == [DATA, b"second"]


def test_what_a_relay_refuses_is_refused(serve, friend):
    with pytest.raises(ReleaseError, match=r"entity-b does not take release .* 'replay of last week'"):
        client(friend, serve(intake=intake(Taken(), refuse="replay of last week"))).publish(RELEASE, OwnPool(), "entity-b")
    with pytest.raises(ReleaseError, match="no relay"):
        client(friend, serve()).publish(RELEASE, OwnPool(), "entity-b")


@pytest.mark.parametrize("broken", [0, 1])
def test_damage_of_our_own_pool_is_said_to_be_ours_and_leaves_nothing_at_the_relay(serve, friend, broken):
    taken = Taken()
    with pytest.raises(PoolError, match="our shard is damaged"):
        client(friend, serve(intake=intake(taken))).publish(RELEASE, OwnPool(broken), "entity-b")
    assert len(taken.shards) == broken


def test_only_its_sender_withdraws_a_release(serve, shelf, ca, friend):
    address = serve()
    with pytest.raises(ReleaseError, match="by its sender, not by entity-a"):
        client(friend, address).withdraw(RELEASE.digest, "a patient asked", "entity-b")
    client(entity("entity-b", ca), address).withdraw(RELEASE.digest, "a patient asked", "entity-b")
    assert shelf.held == {}
