"""An identity that gets another endpoint: the same keys under a newer card, whatever happens in between."""

import shutil

import pytest

from dpm_flower.core.errors import OutputError, SettingError
from dpm_flower.payload import identity as identities
from dpm_flower.payload.card import read_card
from dpm_flower.payload.certificates import entity_names, read_request, subject_names
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.identity import CARD_NAME, REQUEST_NAME, Identity
from dpm_flower.payload.private_forms import pem
from dpm_flower.payload.public_forms import spki_der
from tests.payload.identities import MADE_AT, quick_lock

ENDPOINT = "entity-a.example.org:8443"
LATER = MADE_AT + 100


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identities") / "entity-a"
    Identity.create(folder, "entity-a", ENDPOINT, now=MADE_AT, lock=quick_lock())
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "entity-a")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(("endpoint", "host"), [("new.example.org:8443", "new.example.org"), ("[2001:db8::7]:1", "2001:db8::7")])
def test_only_endpoint_card_and_request_are_others(folder, endpoint, host):
    old, before = Identity.open(folder, quick_lock()), contents(folder)
    moved = old.move(folder, endpoint, now=LATER)
    found = Identity.open(folder, quick_lock())  # which compares every key with the card
    assert found.card == moved.card == read_card(Envelope.from_bytes((folder / CARD_NAME).read_bytes()))
    changed = {name for name, part in old.card.to_plain().items() if found.card.to_plain()[name] != part}
    assert changed == {"endpoint", "made_at"}
    assert (found.endpoint, found.card.made_at) == (endpoint, LATER)
    assert {name for name, data in contents(folder).items() if data != before[name]} == {CARD_NAME, REQUEST_NAME}
    request = read_request((folder / REQUEST_NAME).read_bytes())
    assert subject_names(request) == entity_names("entity-a", host)
    assert spki_der(request.public_key()) == found.card.tls_spki
    assert {(folder / name).stat().st_mode & 0o777 for name in (CARD_NAME, REQUEST_NAME)} == {0o644}
    assert pem(found.signing.ed25519) == pem(old.signing.ed25519)


def test_another_port_leaves_the_request_which_names_only_the_host(folder):
    before = contents(folder)
    Identity.open(folder, quick_lock()).move(folder, "entity-a.example.org:9443", now=LATER)
    assert {name for name, data in contents(folder).items() if data != before[name]} == {CARD_NAME}


def test_a_moved_card_is_newer_even_if_the_clock_is_not(folder):
    moved = Identity.open(folder, quick_lock()).move(folder, "new.example.org:1", now=MADE_AT - 1000)
    assert moved.card.made_at == MADE_AT + 1


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [(ENDPOINT, "already"), ("new.example.org", "host:port"), ("entity-b.entity.dpm:1", "belong to the entities named")],
)
def test_an_endpoint_that_cannot_work_changes_nothing(folder, endpoint, said):
    before = contents(folder)
    with pytest.raises(SettingError, match=said):
        Identity.open(folder, quick_lock()).move(folder, endpoint, now=LATER)
    assert contents(folder) == before


def test_a_move_that_was_cut_off_leaves_the_old_card_and_is_done_again(folder, monkeypatch):
    old, write = Identity.open(folder, quick_lock()), identities.write_new

    def full(path, data, mode):
        if CARD_NAME in path.name:
            raise OSError(28, "No space left on device")
        write(path, data, mode)

    monkeypatch.setattr(identities, "write_new", full)
    with pytest.raises(OutputError, match="No space"):
        old.move(folder, "new.example.org:1", now=LATER)
    monkeypatch.undo()
    again = Identity.open(folder, quick_lock())
    assert again.card == old.card
    assert again.move(folder, "new.example.org:1", now=LATER).endpoint == Identity.open(folder, quick_lock()).endpoint
    assert subject_names(read_request((folder / REQUEST_NAME).read_bytes())) == entity_names("entity-a", "new.example.org")
