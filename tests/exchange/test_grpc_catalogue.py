"""What a peer has for us, listed over the line."""

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.messages import CATALOGUE
from tests.exchange.cutting import Proxy
from tests.exchange.fetching import RELEASE, client, port_of
from tests.exchange.peers import CAMPAIGN, released


def test_a_catalogue_is_what_is_there_for_us_each_once_even_over_a_cut_line(serve, shelf, friend, told):
    envelopes = []
    for number in range(40):
        release, shards = released(b"x", payload=bytes([number]) * 100_000)
        shelf.put(release, shards, recipients=() if number % 2 else ("entity-c",))
        envelopes += [release.envelope] if number % 2 else []
    shelf.held.pop(RELEASE.digest)
    with Proxy(port_of(serve()), [1_000_000]) as proxy:
        assert list(client(friend, proxy.address).catalogue("entity-b", CAMPAIGN)) == envelopes
    assert proxy.connections == 2
    assert list(client(friend, serve()).catalogue("entity-b")) == envelopes
    assert list(client(friend, serve()).catalogue("entity-b", "another")) == []
    assert {one.call for one in told} == {CATALOGUE}


def test_an_entry_that_is_no_envelope_is_refused(serve, shelf, friend):
    shelf.envelope = lambda digest: b"no envelope"
    with pytest.raises(ReleaseError, match="an envelope is not JSON"):
        list(client(friend, serve()).catalogue("entity-b", CAMPAIGN))
