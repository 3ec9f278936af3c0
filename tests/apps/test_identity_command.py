"""Identities from the command line: what is printed, what Flower reads, and what is refused in one line."""

import argparse
import os
from pathlib import Path

import pytest
from flwr.cli.supernode.register import try_load_public_key
from flwr.supernode.cli.flower_supernode import _try_setup_client_authentication

from dpm_flower.apps.identity_command import create, grouped, show
from dpm_flower.payload import passphrase_lock as locks
from dpm_flower.payload.identity import Identity, card_in
from dpm_flower.payload.passphrase_lock import LEAST_COST
from dpm_flower.payload.public_forms import openssh_line

PASSPHRASE = b"correct horse battery"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks.PassphraseLock.__init__, "__defaults__", (LEAST_COST,))


def piped(data: bytes = PASSPHRASE) -> int:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(data)
    return reading


def made(folder: Path, descriptor: int | None = None) -> int:
    return create("hospital-a", "localhost:8443", folder, descriptor, None, post_quantum=True)


def test_a_new_identitys_card_is_printed_and_shown_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(tmp_path / "keys") == 0
    printed = capsys.readouterr().out
    _, card = card_in(tmp_path / "keys")
    assert show(tmp_path / "keys", None, None) == 0
    shown = capsys.readouterr().out
    for words in ("hospital-a", "localhost:8443", grouped(card.fingerprint), card.node_public_key, *map(grouped, card.signing.keyids)):
        assert words in printed
        assert words in shown
    assert "without a passphrase" in printed
    assert "without a passphrase, and those on the card" in shown
    assert str(tmp_path / "keys" / "card.json") in printed


def test_without_a_folder_it_goes_to_one_of_its_name_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert create("hospital-a", "localhost:8443", None, None, None, post_quantum=False) == 0
    assert len(Identity.open(tmp_path / "hospital-a").card.signing.keys) == 1


def test_locked_keys_are_shown_with_and_without_the_passphrase(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for descriptor, state in ((None, "locked; not opened"), (piped(), "locked, and those on the card")):
        if descriptor is None:
            assert made(tmp_path / "keys", piped()) == 0
            assert "locked with the passphrase" in capsys.readouterr().out
        assert show(tmp_path / "keys", descriptor, None) == 0
        assert state in capsys.readouterr().out


def test_flower_reads_the_node_keys(tmp_path: Path) -> None:
    assert made(tmp_path / "keys") == 0
    _, card = card_in(tmp_path / "keys")
    arguments = argparse.Namespace(auth_supernode_private_key=str(tmp_path / "keys" / "node.key"), auth_supernode_public_key=None)
    pair = _try_setup_client_authentication(arguments)
    assert pair is not None
    assert openssh_line(pair[1]) == card.node_public_key
    assert try_load_public_key(tmp_path / "keys" / "node.pub")


def test_each_refusal_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys"
    assert made(keys, piped()) == 0
    (tmp_path / "open").mkdir(mode=0o755)
    capsys.readouterr()
    refused = {
        "never written over": lambda: made(keys),
        "wrong passphrase": lambda: show(keys, piped(b"another passphrase"), None),
        "no folder with keys": lambda: show(tmp_path / "none", None, None),
        "too open": lambda: show(tmp_path / "open", None, None),
        "lower-case": lambda: create("A", "localhost:1", tmp_path / "a", None, None, post_quantum=True),
        "host:port": lambda: create("a", "localhost", tmp_path / "a", None, None, post_quantum=True),
        "one source": lambda: create("a", "localhost:1", tmp_path / "a", 3, "x", post_quantum=True),
    }
    for said, work in refused.items():
        assert work() == 1
        came = capsys.readouterr()
        assert came.out == ""
        assert said in came.err
        assert came.err.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_groups_of_four() -> None:
    assert grouped("0123456789") == "0123 4567 89"
    assert grouped("") == ""
