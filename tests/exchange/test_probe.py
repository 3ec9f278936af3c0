import socket
import threading

import pytest

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.exchange.limits import Limits
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.probe import Probed, probe, probe_all
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.exchange.tls13 import require_tls13_once
from tests.exchange.peers import Members, MemoryShelf, authority, entity

PATIENT_S = 60.0
AT_ONCE = Limits().calls_at_once  # of one entity, which is all that a server answers


@pytest.fixture
def address(ca):
    ours = entity("entity-b", ca)
    with ExchangeServer("127.0.0.1:0", MemoryShelf(), Members("entity-a"), lambda: ours) as server:
        yield server.address


@pytest.fixture
def silent():
    """Takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def outcome(address, credentials, name="entity-b", timeout_s=PATIENT_S):
    return probe(PeerEndpoint(name, address), lambda: credentials, timeout_s)


def test_an_exchange_that_serves(address, friend):
    assert outcome(address, friend) == Probed(PeerEndpoint("entity-b", address), "serving")


def test_one_that_does_not_know_who_asks(address, ca):
    one = outcome(address, entity("entity-z", ca))
    assert (one.outcome, one.words) == ("not admitted", "PERMISSION_DENIED: 'entity-z is not on the roster'")


def test_one_with_a_certificate_of_another_name(address, friend):
    assert outcome(address, friend, name="entity-c").outcome == "TLS refused"


def test_one_whose_authority_we_do_not_believe(address, ca, tmp_path):
    assert outcome(address, entity("entity-a", ca, believes=authority(tmp_path / "other"))).outcome == "TLS refused"


def test_one_that_does_not_believe_our_authority(address, ca, tmp_path):
    assert outcome(address, entity("entity-a", authority(tmp_path / "other"), believes=ca)).outcome == "TLS refused"


def test_a_port_where_nothing_listens(friend):
    assert outcome("127.0.0.1:1", friend).outcome == "refused connection"


@pytest.mark.parametrize("address", ["no-such-host.invalid:8443", "[not-an-address]:8443"])
def test_a_name_that_nobody_knows(address, friend):
    assert outcome(address, friend).outcome == "not resolved"


def test_one_that_says_nothing(silent, friend):
    one = outcome(silent, friend, timeout_s=0.3)
    assert (one.outcome, one.words) == ("no answer", "within 0.3 s")


def test_one_without_a_roster_of_its_own(ca, friend):
    def nobody(name, certificate):
        raise SettingError("nobody may call, there is no roster: /a/path/of/ours")

    ours = entity("entity-b", ca)
    with ExchangeServer("127.0.0.1:0", MemoryShelf(), nobody, lambda: ours) as server:
        one = outcome(server.address, friend)
    assert (one.outcome, "of ours" in one.words) == ("trouble", False)


def test_all_are_asked_at_once_and_told_in_their_order(address, friend):
    """Each waits, on its way, until all others are on theirs."""
    require_tls13_once(lambda: friend)
    peers = [PeerEndpoint("entity-b", address), PeerEndpoint("entity-c", address)] * AT_ONCE
    all_there = threading.Barrier(len(peers))

    def credentials():
        all_there.wait(PATIENT_S)
        return friend

    found = probe_all(peers, credentials, PATIENT_S)
    assert [one.peer for one in found] == peers
    assert [one.outcome for one in found] == ["serving", "TLS refused"] * AT_ONCE


def test_nobody_to_ask(friend):
    assert probe_all([], lambda: friend, PATIENT_S) == []


def test_own_credentials_that_cannot_be_read_are_no_fault_of_a_peer(address):
    def unreadable():
        raise SettingError("cannot read the certificate")

    with pytest.raises(SettingError, match="cannot read the certificate"):
        probe_all([PeerEndpoint("entity-b", address)], unreadable, PATIENT_S)


def test_what_a_peer_says_is_cut_and_escaped(ca, friend):
    def rude(name, certificate):
        raise ReleaseError("\x1b[2J" + "x" * 10_000)

    ours = entity("entity-b", ca)
    with ExchangeServer("127.0.0.1:0", MemoryShelf(), rude, lambda: ours) as server:
        words = outcome(server.address, friend).words
    assert words.isprintable()
    assert len(words) < 400
