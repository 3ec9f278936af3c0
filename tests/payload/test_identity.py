import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from dpm_flower.core.errors import OutputError, SettingError
from dpm_flower.payload import key_files
from dpm_flower.payload.card import read_card
from dpm_flower.payload.certificates import entity_names, read_request, subject_names
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.hpke_keys import hpke_public
from dpm_flower.payload.identity import ML_DSA_NAME, PRIVATE_NAMES, Identity, card_in, check_keys_closed
from dpm_flower.payload.private_forms import pem
from dpm_flower.payload.public_forms import openssh_line, spki_der
from dpm_flower.payload.signatures import check_signatures
from tests.payload.identities import MADE_AT, identity, quick_lock

ENDPOINT = "entity-a.example.org:8443"
PUBLIC_NAMES = {"card.json", "tls.csr", "node.pub"}


def create(folder, **settings):
    return Identity.create(folder, "entity-a", ENDPOINT, now=MADE_AT, **settings)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identities") / "entity-a"
    create(folder)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "entity-a")


@pytest.mark.parametrize("post_quantum", [True, False])
@pytest.mark.parametrize("lock", [None, quick_lock()])
def test_what_is_created_opens_as_the_same(tmp_path, post_quantum, lock):
    made = create(tmp_path / "keys", post_quantum=post_quantum, lock=lock)
    found = Identity.open(tmp_path / "keys", lock)
    assert (found.card, found.card_envelope) == (made.card, made.card_envelope)
    assert (found.name, found.endpoint) == ("entity-a", ENDPOINT)
    assert pem(load_ssh_private_key(found.node_key_openssh(), None)) == pem(made.node)
    assert found.tls_key_pem() == made.tls_key_pem()
    assert check_keys_closed(tmp_path / "keys") == (lock is not None)
    assert len(found.card.signing.keys) == (2 if post_quantum else 1)


def test_every_key_does_its_work(folder):
    found = Identity.open(folder)
    check_signatures(Envelope(b"x", "t", found.signing.sign("t", b"x")), found.card.signing)
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    assert suite.decrypt(suite.encrypt(b"x", hpke_public(found.card.hpke)), found.hpke.private) == b"x"
    assert spki_der(found.tls.public_key()) == found.card.tls_spki
    assert openssh_line(found.node.public_key()) == found.card.node_public_key


def test_what_is_handed_over_is_beside_the_keys(folder):
    found = Identity.open(folder)
    assert read_card(Envelope.from_bytes((folder / "card.json").read_bytes())) == found.card
    request = read_request((folder / "tls.csr").read_bytes())
    assert subject_names(request) == entity_names("entity-a", "entity-a.example.org")
    assert spki_der(request.public_key()) == found.card.tls_spki
    assert (folder / "node.pub").read_text() == found.card.node_public_key + "\n"


def test_modes_and_names(folder):
    assert {path.name for path in folder.iterdir()} == PUBLIC_NAMES | set(PRIVATE_NAMES)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir() if path.stat().st_mode & 0o077} == PUBLIC_NAMES


@pytest.mark.parametrize("lock", [None, quick_lock()])
def test_no_private_key_is_in_a_public_file_or_shown(tmp_path, lock):
    made = create(tmp_path / "keys", lock=lock)
    keys = [made.signing.ed25519, made.signing.ml_dsa, made.hpke.mlkem, made.hpke.x25519, made.tls, made.node]
    seeds = [key.private_bytes_raw() for key in keys[:4]]
    scalars = [key.private_numbers().private_value.to_bytes(key.key_size // 8, "big") for key in keys[4:]]
    encoded = [form for key in seeds + scalars for form in (key, key.hex().encode())]
    encoded += [line for key in keys for line in pem(key).splitlines()[1:-1] if len(line) > 20]
    files = [path for path in (tmp_path / "keys").iterdir() if lock is not None or path.name in PUBLIC_NAMES]
    assert len(files) == 9 if lock else 3
    shown = [path.read_bytes() for path in files] + [repr(made).encode()]
    assert [(key, data) for key in encoded for data in shown if key in data] == []
    assert "Private" not in repr(made)


def test_nobody_is_written_over(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OutputError, match="never written over"):
        create(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(("name", "endpoint"), [("Entity", "a:1"), ("a", "a"), ("a", "b.entity.dpm:1")])
def test_names_and_endpoints_that_cannot_work_are_refused(tmp_path, name, endpoint):
    with pytest.raises(SettingError):
        Identity.create(tmp_path / "keys", name, endpoint, now=MADE_AT)
    assert list(tmp_path.iterdir()) == []


def test_a_create_killed_anywhere_leaves_no_identity_and_nothing_in_the_way(tmp_path, monkeypatch):
    keys, outcomes, sync, made = tmp_path / "keys", [], os.fsync, identity()
    monkeypatch.setattr(Identity, "generate", lambda *_, **__: made)  # keys cost time, and are not what this is about

    def die_at(call):
        calls = iter(range(1, call))
        monkeypatch.setattr(key_files.os, "fsync", lambda file: sync(file) if next(calls, None) else os.kill(os.getpid(), signal.SIGKILL))

    for call in range(1, 20):
        child = os.fork()
        if child == 0:
            try:
                die_at(call)
                create(keys)
            finally:
                os._exit(0)  # whatever happens: no second process goes on with the tests
        _, status = os.waitpid(child, 0)
        outcomes.append(os.WIFSIGNALED(status))
        if keys.exists():
            assert Identity.open(keys).name == "entity-a"
            assert list(tmp_path.iterdir()) == [keys]
            break
        with pytest.raises(OutputError, match="no folder with keys"):
            Identity.open(keys)
        assert len(list(tmp_path.iterdir())) == 1  # the next one removes what this one left
    assert len(outcomes) > 9  # each of nine files, then the folder
    assert all(outcomes)


@pytest.mark.parametrize("name", sorted(PRIVATE_NAMES))
def test_each_missing_open_or_damaged_key_is_told(folder, name):
    path = folder / name
    path.chmod(0o644)
    for check in (Identity.open, check_keys_closed):
        with pytest.raises(OutputError, match=rf"too open: .*{name}"):
            check(folder)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(OutputError, match=rf"damaged: .*{name}"):
        Identity.open(folder)
    path.unlink()
    for check in (Identity.open, check_keys_closed):
        with pytest.raises(OutputError, match=rf"missing: .*{name}"):
            check(folder)


@pytest.mark.parametrize("name", sorted(PRIVATE_NAMES))
def test_another_identitys_key_is_told(folder, tmp_path, name):
    create(tmp_path / "other")
    shutil.copy(tmp_path / "other" / name, folder / name)
    with pytest.raises(OutputError, match=r"damaged: .*is not the key on card\.json"):
        Identity.open(folder)


def test_a_key_of_another_kind_is_told(folder):
    shutil.copy(folder / "tls.key", folder / ML_DSA_NAME)
    with pytest.raises(OutputError, match=r"damaged: .*wanted keys of Ed25519"):
        Identity.open(folder)


def test_an_open_missing_or_strange_folder_is_told(folder, tmp_path):
    folder.chmod(0o755)
    with pytest.raises(OutputError, match="too open"):
        Identity.open(folder)
    with pytest.raises(OutputError, match="no folder with keys"):
        Identity.open(tmp_path / "none")
    (tmp_path / "empty").mkdir(mode=0o700)
    with pytest.raises(OutputError, match=r"no identity in .*card\.json is missing"):
        Identity.open(tmp_path / "empty")


def test_a_damaged_or_stripped_card_is_told(folder):
    envelope, card = card_in(folder)
    assert card == Identity.open(folder).card
    for data in (b"x", envelope.to_bytes()[:-1], replace(envelope, signatures=envelope.signatures[:1]).to_bytes()):
        (folder / "card.json").write_bytes(data)
        with pytest.raises(OutputError, match=r"damaged: .*card\.json"):
            Identity.open(folder)


def test_passphrases_that_do_not_fit_are_told(folder, tmp_path):
    create(tmp_path / "locked", lock=quick_lock())
    with pytest.raises(SettingError, match="is locked with a passphrase, got none"):
        Identity.open(tmp_path / "locked")
    with pytest.raises(SettingError, match="wrong passphrase"):
        Identity.open(tmp_path / "locked", quick_lock(b"another passphrase"))
    with pytest.raises(SettingError, match="is not locked with a passphrase, got one"):
        Identity.open(folder, quick_lock())


def test_two_identities_share_nothing():
    one, other = identity().card, Identity.generate("entity-a", ENDPOINT, now=MADE_AT).card
    assert set(one.signing.keys).isdisjoint(other.signing.keys)
    assert len({one.tls_spki, other.tls_spki}) == len({one.hpke, other.hpke}) == len({one.node_public_key, other.node_public_key}) == 2


ALONE = """
import sys
from dpm_flower.payload import card, certificates, development_ca, identity, signatures
print([name for name in ("torch", "numpy") if name in sys.modules])
"""


def test_keys_and_cards_need_no_torch():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
