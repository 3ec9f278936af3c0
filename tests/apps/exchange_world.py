"""A trial consortium for tests of the exchange's commands: real keys, certificates, roster, site files and pools, all on loopback."""

import random
import subprocess
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

from dpm_flower.apps.exchange_command import ExchangeSite
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.line import PeerEndpoint
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


def founded(folder):
    """A folder -> three members with identities and certificates in it, one of them a relay, and a coordinator."""
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


def settled(consortium, here):
    """A consortium and a test's own folder -> the same with a roster, and what holds sites to it, in that folder."""
    roster, envelope = write_roster(here / "roster.toml", consortium.coordinator, 1, consortium.members)
    pin(here / "roster.lock", envelope)
    return SimpleNamespace(**vars(consortium), roster=roster, here=here)


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


def site_file(world, name, store=""):
    """A member's name -> its site file, with a folder of its own; `store` is the URL of its pool's store."""
    path = world.here / f"{name}.toml"
    path.write_text(f"""
entity = "{name}"
folder = "{name}"
[identity]
folder = "{world.folder / name}"
[trust]
roster = "roster.toml"
lock = "roster.lock"
ca = "{world.folder / "ca" / "ca.crt"}"
[exchange]
listen = "127.0.0.1:0"
certificate = "{world.folder / name}.crt"
min_mb_per_s = 1000
{store and f'store = "{store}"'}
[flower]
superlink = "127.0.0.1:1"
root_certificates = "none"
""")
    return path


@contextmanager
def serving(world, name, *options):
    """A member's name -> its exchange in a process of its own, and its address."""
    one = site(world, name)
    files = {"--pool": one.pool, "--certificate": one.certificate, "--ca": one.ca, "--roster": one.roster, "--lock": one.lock}
    arguments = [str(part) for pair in files.items() for part in pair]
    command = [sys.executable, "-c", "from dpm_flower.cli import main; main()", "exchange", "serve", *arguments]
    command += ["--identity", str(world.folder / name), "--listen", "127.0.0.1:0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline()
        assert said.startswith(f"{name} serves {one.pool} on 127.0.0.1:"), said + process.stderr.read()
        yield process, said.split()[-1]
    finally:
        process.kill()
        process.communicate()


def credentials(world, name):
    return CredentialFiles(world.identities[name].tls_key_pem, world.folder / f"{name}.crt", world.folder / "ca" / "ca.crt")


def client(world, name, address, peer):
    return GrpcExchange(peers=lambda _: PeerEndpoint(peer, address), credentials=credentials(world, name), rng=random.Random(0))


def signed_release(world, sequence=1, signer="entity-b", **changes):
    """A release of entity-b as somebody signed it, authenticated, and its shards."""
    shards = encode(features(), max_shard_bytes=900)
    entries = tuple(ShardEntry.of(shard) for shard in shards)
    one = manifest(**({"sequence": sequence, "shards": entries, "made_at": NOW - 10, "expires_at": NOW + 3600} | changes))
    envelope = SignedSealer(world.identities[signer].signing).seal(one)
    admission = Admission(campaign=one.campaign, sender="entity-b", now=NOW, replays={})
    return SignedVerifier(lambda: world.roster).authenticate(envelope, admission), shards
