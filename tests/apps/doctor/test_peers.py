from dataclasses import replace

from dpm_flower.apps.doctor import peers
from dpm_flower.apps.doctor.peers import PEERS, peer_findings, peers_of
from dpm_flower.exchange.probe import Outcome
from dpm_flower.payload.identity import TLS_NAME
from tests.apps.doctor.world import DAY, NOW, World


def with_b_at(world: World, address: str, version: int = 2) -> None:
    card = replace(world.identities["b"].card, endpoint=address.replace("127.0.0.1", "localhost"))
    world.put(world.roster(world.member("a"), world.member("b", card=card), version=version))


def test_a_peer_that_serves_is_well(world: World) -> None:
    with world.exchange("b", world.roster()) as address:
        with_b_at(world, address)
        found = world.found(peer_findings)
    assert list(found) == ["peer b"]
    assert found["peer b"].mark == "ok"


def test_a_peer_that_does_not_run_is_a_warning(world: World) -> None:
    found = world.found(peer_findings)["peer b"]
    assert (found.mark, found.found) == ("warning", "localhost:1: refused connection (Connection refused)")


def test_a_peer_with_an_older_roster_is_a_warning_that_says_so(world: World) -> None:
    with world.exchange("b", world.roster(world.member("b"))) as address:
        with_b_at(world, address)
        found = world.found(peer_findings)["peer b"]
    assert found.mark == "warning"
    assert "not admitted (PERMISSION_DENIED: \"'a' is unknown: not on version 1" in found.found
    assert "roster check" in found.remedy


def test_who_is_revoked_or_out_of_time_is_not_asked(world: World) -> None:
    members = world.member("a"), world.member("b", revoked_at=NOW)
    assert peers_of(world.roster(*members), "a", NOW) == {}
    assert peers_of(world.roster(), "a", NOW) == {"b": "localhost:1"}
    assert peers_of(world.roster(), "a", NOW + 91 * DAY) == {}
    world.put(world.roster(*members, version=2))
    assert world.found(peer_findings)[PEERS].mark == "warning"


def test_without_a_roster_or_keys_nobody_is_asked(world: World) -> None:
    assert world.found(peer_findings, NOW + 91 * DAY)[PEERS].mark == "skipped"
    key = world.folder / "a" / TLS_NAME
    key.rename(world.folder / "key")
    assert "missing" in world.found(peer_findings)[PEERS].found
    (world.folder / "key").rename(key)
    (world.folder / "a.crt").unlink()
    assert "a.crt" in world.found(peer_findings)[PEERS].found
    (world.folder / "roster.lock").unlink()
    assert world.found(peer_findings)[PEERS].remedy == "mend first what is said of roster"


def test_each_way_to_fail_has_a_remedy_of_its_own() -> None:
    remedies = dict(peers._REMEDIES)
    assert set(remedies) == set(Outcome.__args__) - {"serving"}
    assert len(set(remedies.values())) == len(remedies)
