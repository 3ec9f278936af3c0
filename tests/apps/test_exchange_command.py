"""The exchange as a site runs it: a process of its own, with real keys, certificates, roster and pools."""

import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from dpm_flower.apps.exchange_command import ExchangeSite, expire_until, keep, serve
from dpm_flower.apps.exchange_relay import relay_intake
from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.guard import Told
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.codec import encode
from dpm_flower.payload.development_ca import DevelopmentCa
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.identity import REQUEST_NAME, Identity
from dpm_flower.payload.quorum import Coordinator
from dpm_flower.payload.roster import Member, Roster
from dpm_flower.payload.roster_envelope import PAYLOAD_TYPE, to_file
from dpm_flower.payload.roster_lock import pin
from dpm_flower.payload.roster_text import to_text
from dpm_flower.payload.shard import ShardEntry
from dpm_flower.payload.signed import SignedSealer, SignedVerifier
from dpm_flower.payload.verification import Admission
from tests.payload.examples import features, manifest

NOW = int(time.time())
DAY = 86400
NAMES = ("entity-a", "entity-b", "relay-r")


def write_roster(path, coordinator, version, members):
    one = Roster(
        consortium="trial",
        version=version,
        made_at=NOW - 60,
        expires_at=NOW + DAY,
        coordinators=(Coordinator("coordinator", coordinator.signing.public),),
        threshold=1,
        members=members,
    )
    text = to_text(one)
    envelope = Envelope(text, PAYLOAD_TYPE, coordinator.signing.sign(PAYLOAD_TYPE, text))
    path.write_bytes(to_file(envelope))
    return one, envelope


@pytest.fixture(scope="module")
def consortium(tmp_path_factory):
    """Three members with identities and certificates in folders, one of them a relay; a coordinator; the roster, to be copied."""
    folder = tmp_path_factory.mktemp("consortium")
    ca = DevelopmentCa.create(folder / "ca", "trial", now=NOW)
    identities = {name: Identity.create(folder / name, name, "127.0.0.1:8443", now=NOW, post_quantum=False) for name in NAMES}
    for name, identity in identities.items():
        signed = ca.sign((folder / name / REQUEST_NAME).read_bytes(), identity.card, now=NOW)
        (folder / f"{name}.crt").write_bytes(signed)
    members = tuple(
        Member(card=one.card, roles=frozenset({"relay" if name == "relay-r" else "entity"}), valid_from=NOW - 60, valid_until=NOW + DAY)
        for name, one in identities.items()
    )
    coordinator = Identity.generate("coordinator", "127.0.0.1:1", now=NOW, post_quantum=False)
    return SimpleNamespace(folder=folder, identities=identities, members=members, coordinator=coordinator)


@pytest.fixture
def world(consortium, tmp_path):
    """A site's files of its own on top of that."""
    roster, envelope = write_roster(tmp_path / "roster.toml", consortium.coordinator, 1, consortium.members)
    pin(tmp_path / "roster.lock", envelope)
    return SimpleNamespace(**vars(consortium), roster=roster, here=tmp_path)


def site(world, name="entity-b", **changes):
    plain = {
        "pool": world.here / name,
        "certificate": world.folder / f"{name}.crt",
        "ca": world.folder / "ca" / "ca.crt",
        "roster": world.here / "roster.toml",
        "lock": world.here / "roster.lock",
        "listen": "127.0.0.1:0",
    }
    return ExchangeSite(**(plain | changes))


@pytest.fixture
def start(world):
    """A member's name -> its exchange in a process of its own, and its address. Ended after the test."""
    running = []

    def started(name, *options):
        one = site(world, name)
        files = {"--pool": one.pool, "--certificate": one.certificate, "--ca": one.ca, "--roster": one.roster, "--lock": one.lock}
        arguments = [str(part) for pair in files.items() for part in pair]
        command = [sys.executable, "-c", "from dpm_flower.cli import main; main()", "exchange", "serve", *arguments]
        command += ["--identity", str(world.folder / name), "--listen", "127.0.0.1:0", *options]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        said = running[-1].stdout.readline()
        assert said.startswith(f"{name} serves {one.pool} on 127.0.0.1:"), said + running[-1].stderr.read()
        return running[-1], said.split()[-1]

    yield started
    for process in running:
        process.kill()
        process.communicate()


def client(world, name, address, peer):
    credentials = CredentialFiles(world.identities[name].tls_key_pem, world.folder / f"{name}.crt", world.folder / "ca" / "ca.crt")
    return GrpcExchange(peers=lambda _: PeerEndpoint(peer, address), credentials=credentials, rng=random.Random(0))


def signed_release(world, sequence=1, signer="entity-b"):
    """A release of entity-b as somebody signed it, authenticated, and its shards."""
    shards = encode(features(), max_shard_bytes=900)
    entries = tuple(ShardEntry.of(shard) for shard in shards)
    one = manifest(sequence=sequence, shards=entries, made_at=NOW - 10, expires_at=NOW + 3600)
    envelope = SignedSealer(world.identities[signer].signing).seal(one)
    admission = Admission(campaign=one.campaign, sender="entity-b", now=NOW, replays={})
    return SignedVerifier(lambda: world.roster).authenticate(envelope, admission), shards


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
