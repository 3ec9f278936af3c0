"""The exchange as a site runs it: a process of its own, with real keys, certificates, roster and pools."""

import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from dpm_flower.apps.exchange_command import expire_until, keep, serve
from dpm_flower.apps.exchange_relay import relay_intake
from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.exchange.guard import Told
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.development_ca import DevelopmentCa
from dpm_flower.payload.identity import REQUEST_NAME
from dpm_flower.payload.signed import SignedSealer
from tests.apps.exchange_world import DAY, NOW, client, founded, serving, settled, signed_release, site, write_roster


@pytest.fixture(scope="module")
def consortium(tmp_path_factory):
    return founded(tmp_path_factory.mktemp("consortium"))


@pytest.fixture
def world(consortium, tmp_path):
    return settled(consortium, tmp_path)


@pytest.fixture
def start(world):
    """A member's name -> its exchange in a process of its own, and its address. Ended after the test."""
    with ExitStack() as running:
        yield lambda name, *options: running.enter_context(serving(world, name, *options))


def test_a_site_serves_its_pool_until_it_is_told_to_end_and_its_audit_log_says_what(world, start):
    release, shards = signed_release(world)
    Pool(world.here / "entity-b", site="entity-b").publish(release, shards)
    process, address = start("entity-b")
    mine = Pool(world.here / "entity-a")
    exchange = client(world, "entity-a", address, "entity-b")
    assert [one.digest for one in exchange.catalogue("entity-b", release.manifest.campaign)] == [release.digest]
    exchange.fetch(release, mine)
    mine.check(release)
    with pytest.raises(ReleaseError, match="is not for relay-r"):
        client(world, "relay-r", address, "entity-b").fetch(release, Pool(world.here / "relay-r"))
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0
    log = Pool(world.here / "entity-b", site="entity-b").audit_log
    log.verify()
    served = [dict(entry.details) for entry in log.entries() if entry.event == "served"]
    assert served == [
        {"peer": "entity-a", "call": "Fetch", "digest": release.digest, "position": position} for position in range(len(shards))
    ]
    assert [entry.details["peer"] for entry in log.entries() if entry.event == "refused"] == ["relay-r"]


def test_a_site_serves_what_lies_in_its_store_and_a_later_opening_finds_it_there(world, start):
    store = f"file://{world.here}/objects"
    _, address = start("entity-b", "--store", store)
    release, shards = signed_release(world)
    Pool(world.here / "entity-b", site="entity-b").publish(release, shards)  # nobody says where: the pool itself remembers
    assert len(list((world.here / "objects" / release.digest).iterdir())) == len(shards)
    assert [path.name for path in (world.here / "entity-b" / "releases" / release.digest).iterdir()] == ["envelope.json"]
    mine = Pool(world.here / "entity-a")
    client(world, "entity-a", address, "entity-b").fetch(release, mine)
    mine.check(release)


def test_a_newer_roster_counts_without_a_restart(world, start):
    release, shards = signed_release(world)
    Pool(world.here / "entity-b", site="entity-b").publish(release, shards)
    _, address = start("entity-b")
    exchange = client(world, "entity-a", address, "entity-b")
    assert list(exchange.catalogue("entity-b", release.manifest.campaign))
    revoked = tuple(replace(one, revoked_at=NOW) if one.name == "entity-a" else one for one in world.members)
    write_roster(world.here / "roster.toml", world.coordinator, 2, revoked)
    with pytest.raises(ReleaseError, match="entity-a is revoked"):
        list(exchange.catalogue("entity-b", release.manifest.campaign))


def test_a_relay_passes_on_what_its_sender_signed(world, start):
    release, shards = signed_release(world)
    own, other = Pool(world.here / "entity-b", site="entity-b"), Pool(world.here / "entity-a")
    own.publish(release, shards)
    _, address = start("relay-r", "--relay")
    sender = client(world, "entity-b", address, "relay-r")
    sender.publish(release, own, "relay-r")
    sender.publish(release, own, "relay-r")
    client(world, "entity-a", address, "relay-r").fetch(release, other)
    other.check(release)
    with pytest.raises(ReleaseError, match="PERMISSION_DENIED"):
        client(world, "entity-a", address, "relay-r").publish(release, other, "relay-r")
    sender.withdraw(release.digest, "a patient asked", "relay-r")
    with pytest.raises(ReleaseError, match="NOT_FOUND"):
        client(world, "entity-a", address, "relay-r").fetch(release, Pool(world.here / "again"))


def test_a_relay_takes_a_release_from_its_sender_only_and_remembers_it(world):
    pool = Pool(world.here / "relay-r")
    intake = relay_intake(pool, world.here / "relay-r", lambda: world.roster)
    first, _ = signed_release(world)
    with pytest.raises(ReleaseError, match="not one of this signer's"):
        intake.authenticate(first.envelope, "entity-a")
    assert intake.authenticate(first.envelope, "entity-b").digest == first.digest
    replayed = SignedSealer(world.identities["entity-b"].signing).seal(replace(first.manifest, samples=11))
    with pytest.raises(ReleaseError, match="replay"):
        relay_intake(pool, world.here / "relay-r", lambda: world.roster).authenticate(replayed, "entity-b")


def refusal(world, capsys, name="entity-b", identity=None, intake_of=None, **changes):
    assert serve(site(world, name, **changes), identity or world.folder / name, None, None, intake_of) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_what_would_keep_peers_from_being_served_is_said_at_the_start(world, capsys, tmp_path):
    assert "another key or name" in refusal(world, capsys, certificate=world.folder / "entity-a.crt")
    assert "cannot be used" in refusal(world, capsys, certificate=world.folder / "ca" / "ca.crt")
    assert "cannot read" in refusal(world, capsys, certificate=tmp_path / "none")
    assert "cannot read" in refusal(world, capsys, ca=tmp_path / "none")
    assert "cannot listen on" in refusal(world, capsys, listen="192.0.2.77:1")
    assert "no identity" in refusal(world, capsys, identity=world.folder / "ca")
    assert "a store is a URL" in refusal(world, capsys, store="somewhere")
    (tmp_path / "full" / "releases" / "one").mkdir(parents=True)
    assert "wanted a new pool" in refusal(world, capsys, pool=tmp_path / "full", store=f"file://{tmp_path}/objects")
    assert "wanted relay" in refusal(world, capsys, intake_of=lambda pool, roster: None)
    (tmp_path / "bad.toml").write_bytes(b"version = 1\n")
    assert "refused" in refusal(world, capsys, roster=tmp_path / "bad.toml")


def test_who_is_not_on_the_roster_does_not_serve(world, capsys):
    write_roster(world.here / "roster.toml", world.coordinator, 2, world.members[:1])
    assert "'entity-b' is unknown" in refusal(world, capsys)


def test_an_expired_certificate_is_refused(world, capsys, tmp_path):
    ca = DevelopmentCa.create(tmp_path / "old-ca", "old", now=NOW - 20 * DAY)
    request = (world.folder / "entity-b" / REQUEST_NAME).read_bytes()
    (tmp_path / "old.crt").write_bytes(ca.sign(request, world.identities["entity-b"].card, now=NOW - 10 * DAY, days=5))
    assert "held until" in refusal(world, capsys, certificate=tmp_path / "old.crt")


class Expiring:
    """A pool whose disk is full the first time."""

    def __init__(self, ended):
        self.ended, self.asked = ended, []

    def expire(self, now):
        self.asked.append(now)
        if len(self.asked) == 1:
            raise OutputError("no space")
        if len(self.asked) == 3:
            self.ended.set()


def test_what_expires_is_deleted_again_and_again_even_after_a_full_disk(capsys):
    ended = threading.Event()
    pool = Expiring(ended)
    expire_until(ended, pool, every_s=0.001)
    assert len(pool.asked) == 3
    assert NOW <= pool.asked[0] <= pool.asked[2] <= time.time()
    assert capsys.readouterr().err == "dpm-flower: cannot delete what has expired: no space\n"


@pytest.mark.parametrize(
    ("told", "event"),
    [
        (Told("a", "Fetch", "f" * 64, 3), "served"),
        (Told("a", "Publish", "f" * 64), "served"),
        (Told("a", "Fetch", refusal="revoked"), "refused"),
        (Told("", "Fetch", "f" * 64, 3, "damaged"), "refused"),
        (Told("a", "Check"), None),
        (Told("a", "Catalogue"), None),
    ],
)
def test_the_audit_log_keeps_what_was_served_and_refused(tmp_path, told, event):
    log = AuditLog(tmp_path / "log", "entity-b")
    log.append("opened")
    keep(told, log)
    kept = [entry for entry in log.entries() if entry.event in ("served", "refused")]
    assert [entry.event for entry in kept] == ([event] if event else [])
    for entry in kept:
        assert entry.details["peer"] == told.peer
        assert entry.details.get("position") == told.position
        assert entry.details.get("reason", "") == told.refusal
