"""Releases that cross the exchange by what users type: each command against a running exchange, with a site file of its own."""

import re
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from dpm_flower.apps.exchange_relay import relay_intake
from dpm_flower.apps.site_exchange import SiteExchange
from dpm_flower.cli import app
from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.authorisation import OnTheRoster
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.exchange.shelf import PoolShelf
from dpm_flower.payload.quorum import Coordinator
from dpm_flower.payload.roster import Roster
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.payload.signed import SignedSealer, SignedVerifier
from dpm_flower.payload.verification import Admission
from tests.apps.exchange_world import DAY, NOW, credentials, founded, settled, signed_release, site_file, write_roster


@pytest.fixture(scope="module")
def consortium(tmp_path_factory):
    return founded(tmp_path_factory.mktemp("consortium"))


@pytest.fixture
def world(consortium, tmp_path):
    return settled(consortium, tmp_path)


@contextmanager
def exchange_of(world, name, pool):
    """A member's exchange over a pool, in this process -> its address. A relay's takes releases in."""
    roster = RosterFile(world.here / "roster.toml", world.here / "roster.lock")
    intake = relay_intake(pool, world.here / name / "pool", roster) if name == "relay-r" else None
    with ExitStack() as stack:
        server = ExchangeServer("127.0.0.1:0", PoolShelf(pool), OnTheRoster(roster), credentials(world, name), intake=intake)
        server.start()
        stack.callback(server.stop, 0)
        yield server.address


@pytest.fixture
def online(world):
    """Members' names -> they serve their pools, and a newer roster says where; their pools."""
    with ExitStack() as running:

        def start(*names):
            pools = {name: Pool(world.here / name / "pool", site=name) for name in names}
            addresses = {name: running.enter_context(exchange_of(world, name, pool)) for name, pool in pools.items()}
            moved = tuple(
                replace(one, card=replace(one.card, endpoint=addresses[one.name])) if one.name in addresses else one
                for one in world.members
            )
            write_roster(world.here / "roster.toml", world.coordinator, 2, moved)
            return [pools[name] for name in names]

        yield start


def typed(world, name, command, *arguments, store=""):
    """What a member types about releases -> the exit code, what was said, what was refused."""
    site = site_file(world, name, store)
    done = CliRunner().invoke(app, ["release", command, *map(str, arguments), "--site", str(site)], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def rows(said):
    """A table as printed -> digest and state of each row."""
    return [tuple(line.split()[:2]) for line in said.splitlines()[1:]]


def forged(world, **changes):
    """A release in entity-b's name that entity-a signed, and its shards: as a pool whose owner cheats may hold it."""
    sealer = SignedSealer(world.identities["entity-a"].signing)
    true, shards = signed_release(world, **changes)
    envelope = sealer.seal(true.manifest)
    believing = replace(world.members[1], card=replace(world.members[1].card, signing=world.identities["entity-a"].card.signing))
    coordinators = (Coordinator("coordinator", world.coordinator.signing.public),)
    roster = Roster(
        consortium="x", version=1, made_at=NOW - 60, expires_at=NOW + DAY, coordinators=coordinators, threshold=1, members=(believing,)
    )
    admission = Admission(campaign=true.manifest.campaign, sender="entity-b", now=NOW, replays={})
    return SignedVerifier(lambda: roster).authenticate(envelope, admission), shards


def events(pool, *names):
    return [(one.event, one.details.get("peer")) for one in pool.audit_log.entries() if one.event in names]


def test_what_a_peer_has_is_listed_and_fetched(world, online):
    (theirs,) = online("entity-b")
    first, shards = signed_release(world)
    second, more = signed_release(world, sequence=2, campaign="c-other")
    theirs.publish(first, shards)
    theirs.publish(second, more)
    code, said, refused = typed(world, "entity-a", "catalogue", "entity-b")
    assert (code, refused) == (0, "")
    assert sorted(rows(said)) == sorted([(first.digest, "offered"), (second.digest, "offered")])
    assert typed(world, "entity-a", "fetch", "entity-b", first.digest[:8]) == (0, f"{first.digest}\n", "")
    Pool(world.here / "entity-a" / "pool").check(first)
    assert typed(world, "entity-a", "fetch", "entity-b", first.digest)[0] == 0  # again is harmless
    _, said, _ = typed(world, "entity-a", "catalogue", "entity-b", "--campaign", first.manifest.campaign)
    assert rows(said) == [(first.digest, "held")]
    code, _, refused = typed(world, "entity-a", "fetch", "entity-b", first.digest, "--campaign", "c-other")
    assert code == 1
    assert "with which 0 begin" in refused


def test_what_its_sender_did_not_sign_is_told_in_the_catalogue_and_not_fetched(world, online):
    (theirs,) = online("entity-b")
    false, shards = forged(world)
    theirs.publish(false, shards)
    code, said, refused = typed(world, "entity-a", "catalogue", "entity-b")
    assert (code, rows(said)) == (0, [])
    assert f"entity-b offers {false.digest}, which would be refused" in refused
    code, said, refused = typed(world, "entity-a", "fetch", "entity-b", false.digest)
    assert (code, said) == (1, "")
    assert "not one of this signer's" in refused
    ours = Pool(world.here / "entity-a" / "pool")
    assert ours.listing() == []
    assert events(ours, "refused") == [("refused", "entity-b")]


def test_a_replay_is_not_fetched(world, online):
    (theirs,) = online("entity-b")
    first, shards = signed_release(world)
    theirs.publish(first, shards)
    assert typed(world, "entity-a", "fetch", "entity-b", first.digest)[0] == 0
    again, shards = signed_release(world, method="another")
    theirs.publish(again, shards)
    code, _, refused = typed(world, "entity-a", "fetch", "entity-b", again.digest)
    assert code == 1
    assert "replay" in refused


def test_a_release_goes_to_a_relay_and_from_there_to_a_peer_and_is_withdrawn_there(world, online):
    own, relays = online("entity-b", "relay-r")
    release, shards = signed_release(world)
    own.publish(release, shards)
    assert typed(world, "entity-b", "publish", release.digest[:8], "--to", "relay-r") == (0, f"{release.digest}: held by relay-r\n", "")
    relays.check(release)
    assert typed(world, "entity-a", "fetch", "relay-r", release.digest[:8])[0] == 0
    Pool(world.here / "entity-a" / "pool").check(release)
    code, _, refused = typed(world, "entity-a", "withdraw", release.digest, "--at", "relay-r", "--reason", "mine")
    assert code == 1
    assert "may be withdrawn by its sender, not by entity-a" in refused
    done = typed(world, "entity-b", "withdraw", release.digest[:8], "--at", "relay-r", "--reason", "a patient asked")
    assert done == (0, f"{release.digest}: withdrawn at relay-r\n", "")
    assert relays.find(release.digest).state == "withdrawn"
    assert own.find(release.digest).state == "held"  # each place is withdrawn from by itself
    assert rows(typed(world, "entity-a", "catalogue", "relay-r")[1]) == []
    assert events(own, "served", "withdrawn", "refused") == [("served", "relay-r"), ("withdrawn", "relay-r")]


def test_what_a_relay_refuses_is_told_with_its_reason(world, online):
    own, relays = online("entity-b", "relay-r")
    first, shards = signed_release(world)
    own.publish(first, shards)
    assert typed(world, "entity-b", "publish", first.digest, "--to", "relay-r")[0] == 0
    replayed, shards = signed_release(world, method="another")
    own.publish(replayed, shards)
    code, said, refused = typed(world, "entity-b", "publish", replayed.digest, "--to", "relay-r")
    assert (code, said) == (1, "")
    assert re.search(r"relay-r does not take release .* refused: PERMISSION_DENIED: .*replay", refused)
    assert relays.digests() == [first.digest]
    assert events(own, "refused") == [("refused", "relay-r")]
    code, _, refused = typed(world, "entity-b", "publish", first.digest, "--to", "entity-b")
    assert code == 1
    assert "wanted relay" in refused


def test_only_an_own_release_is_published(world, online):
    theirs, _ = online("entity-b", "relay-r")
    release, shards = signed_release(world)
    theirs.publish(release, shards)
    assert typed(world, "entity-a", "fetch", "entity-b", release.digest)[0] == 0
    code, _, refused = typed(world, "entity-a", "publish", release.digest, "--to", "relay-r")
    assert code == 1
    assert "is a release of entity-b: wanted one of entity-a's own" in refused


def test_where_the_site_file_names_a_store_the_shards_go_there_and_to_no_other(world, online):
    (theirs,) = online("entity-b")
    release, shards = signed_release(world)
    theirs.publish(release, shards)
    store = f"file://{world.here}/objects"
    assert typed(world, "entity-a", "fetch", "entity-b", release.digest, store=store)[0] == 0
    assert len(list((world.here / "objects" / release.digest).iterdir())) == len(shards)
    Pool(world.here / "entity-a" / "pool").check(release)
    code, _, refused = typed(world, "entity-a", "catalogue", "entity-b", store=f"file://{world.here}/others")
    assert code == 1
    assert f"lie in {store}" in refused


def test_who_is_not_on_the_roster_is_named_and_an_identity_of_another_is_refused(world, online):
    online("entity-b")
    code, _, refused = typed(world, "entity-a", "catalogue", "entity-z")
    assert code == 1
    assert "'entity-z' is unknown" in refused
    path = site_file(world, "entity-a")
    path.write_text(path.read_text().replace('entity = "entity-a"', 'entity = "entity-b"'))
    with pytest.raises(SettingError, match="wanted the identity of entity-b, got that of entity-a"):
        SiteExchange.open(path, None, None)
