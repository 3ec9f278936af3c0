"""An institution that moves to another address under the same keys: what is typed, and what services that run make of it."""

import random
import time
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from dpm_flower.cli import app
from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.authorisation import OnTheRoster
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.retries import Patience
from dpm_flower.exchange.roster_endpoints import RosterEndpoints
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.exchange.shelf import PoolShelf
from dpm_flower.payload.identity import CARD_NAME, Identity
from dpm_flower.payload.roster_envelope import read_envelope
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.payload.roster_lock import pin
from tests.apps.exchange_world import credentials, founded, settled, signed_release

IMPATIENT = Patience(start_s=0.5, first_wait_s=0.02, longest_wait_s=0.1)


def typed(*arguments):
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def do(*arguments):
    code, said, refused = typed(*arguments)
    assert (code, refused) == (0, "")
    return said


@pytest.fixture
def world(tmp_path):
    """The trial's consortium, whose roster the commands made and one coordinator signs."""
    (tmp_path / "before").mkdir()
    found = settled(founded(tmp_path / "keys"), tmp_path / "before")
    Identity.create(tmp_path / "ada", "ada", "127.0.0.1:1", now=int(time.time()), post_quantum=False)
    found.here, found.path, found.roster_option = tmp_path, tmp_path / "roster.toml", ("--roster", tmp_path / "roster.toml")
    do("roster", "init", "trial", "--coordinator", tmp_path / "ada" / CARD_NAME, "--threshold", 1, *found.roster_option)
    for name in ("entity-a", "entity-b"):
        do("roster", "add", found.folder / name / CARD_NAME, *found.roster_option)
    do("roster", "sign", "--identity", tmp_path / "ada", *found.roster_option)
    pin(tmp_path / "roster.lock", read_envelope(found.path))
    return found


def move(world, name, endpoint):
    """The entity and its coordinator type what it takes."""
    said = do("identity", "move", world.folder / name, "--endpoint", endpoint)
    assert f"endpoint     {endpoint}\n" in said
    assert "tls.csr" not in said  # another port of the same host
    said = do("roster", "move", world.folder / name / CARD_NAME, *world.roster_option)
    assert f"member {name} gets another card: endpoint {endpoint}, before:" in said
    assert "telephone" not in said
    do("roster", "sign", "--identity", world.here / "ada", *world.roster_option)


def exchange_of(world, name):
    """A member's exchange over its pool -> the server, which follows the roster's file."""
    roster = RosterFile(world.path, world.here / "roster.lock")
    return ExchangeServer("127.0.0.1:0", PoolShelf(Pool(world.here / name)), OnTheRoster(roster), credentials(world, name))


def client_of(world, name):
    endpoints = RosterEndpoints(RosterFile(world.path, world.here / "roster.lock"), "entity")
    return GrpcExchange(peers=endpoints, credentials=credentials(world, name), rng=random.Random(0))


def test_services_that_run_find_a_member_at_its_new_address_once_the_roster_says_so(world):
    (first, shards), (second, more) = signed_release(world), signed_release(world, sequence=2)
    theirs, ours = Pool(world.here / "entity-b"), Pool(world.here / "entity-a")
    theirs.publish(first, shards)
    theirs.publish(second, more)
    fetching, asking = client_of(world, "entity-a"), client_of(world, "entity-b")
    with exchange_of(world, "entity-a") as standing, exchange_of(world, "entity-b") as after:
        with exchange_of(world, "entity-b") as before:
            move(world, "entity-a", standing.address)
            move(world, "entity-b", before.address)
            fetching.fetch(first, ours)
        with pytest.raises(ReleaseError, match="not within"):
            replace(fetching, patience=IMPATIENT).fetch(second, ours)
        move(world, "entity-b", after.address)
        fetching.fetch(second, ours)
        assert len(list(asking.catalogue("entity-a"))) == 2  # who moved is let in under the keys that it has
    assert sorted(ours.digests()) == sorted([first.digest, second.digest])


def test_a_card_under_other_keys_moves_nobody(world):
    before = world.path.read_bytes()
    Identity.create(world.here / "new", "entity-b", "127.0.0.1:2", now=int(time.time()) + 10, post_quantum=False)
    code, _, refused = typed("roster", "move", world.here / "new" / CARD_NAME, *world.roster_option)
    assert code == 1
    assert "entity-b moves under the keys that it has" in refused
    thief = Identity.open(world.folder / "entity-a")
    card = replace(thief.card, name="entity-b", endpoint="127.0.0.1:2", made_at=thief.card.made_at + 10)
    (world.here / "stolen.json").write_bytes(card.envelope(thief.signing).to_bytes())
    for verb, said in (
        ("move", "entity-b moves under the keys that it has"),
        ("rotate", "entity-a and entity-b have the same signing key"),
    ):
        code, _, refused = typed("roster", verb, world.here / "stolen.json", *world.roster_option)
        assert code == 1
        assert said in refused
    assert world.path.read_bytes() == before


def test_the_same_card_again_and_an_older_one_move_nobody(world):
    old = (world.folder / "entity-b" / CARD_NAME).read_bytes()
    move(world, "entity-b", "127.0.0.1:2")
    code, _, refused = typed("roster", "move", world.folder / "entity-b" / CARD_NAME, *world.roster_option)
    assert (code, "answers at 127.0.0.1:2 already" in refused) == (1, True)
    (world.here / "old.json").write_bytes(old)
    code, _, refused = typed("roster", "move", world.here / "old.json", *world.roster_option)
    assert (code, "wanted a newer card of entity-b" in refused) == (1, True)


def test_another_host_asks_for_another_certificate(world):
    said = do("identity", "move", world.folder / "entity-b", "--endpoint", "exchange.example.org:8443")
    assert "tls.csr, to the certificate authority" in said
    code, _, refused = typed("identity", "move", world.folder / "entity-b", "--endpoint", "exchange.example.org:8443")
    assert (code, "already" in refused) == (1, True)
