import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, load_ssh_private_key

from dpm_flower.core.errors import OutputError, SettingError
from dpm_flower.payload.private_forms import openssh, pem, read_ec_key, read_key, write_key
from tests.payload.identities import identity, quick_lock

OWNER = identity()
KEYS = {
    "ed25519": OWNER.signing.ed25519,
    "ml_dsa": OWNER.signing.ml_dsa,
    "ml_kem": OWNER.hpke.mlkem,
    "x25519": OWNER.hpke.x25519,
    "tls": OWNER.tls,
}
LOCK = quick_lock()


@pytest.mark.parametrize("lock", [None, LOCK])
@pytest.mark.parametrize("name", KEYS)
def test_keys_come_back(tmp_path, name, lock):
    path = tmp_path / "a.key"
    write_key(path, pem(KEYS[name]), lock)
    assert pem(read_key(path, lock)) == pem(KEYS[name])
    assert (pem(KEYS[name]) in path.read_bytes()) == (lock is None)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("lock", [None, LOCK])
def test_a_key_in_opensshs_form_comes_back(tmp_path, lock):
    write_key(tmp_path / "node.key", openssh(OWNER.node), lock)
    assert pem(read_ec_key(tmp_path / "node.key", ec.SECP384R1, lock)) == pem(OWNER.node)


def test_openssh_reads_its_form(tmp_path):
    write_key(tmp_path / "node.key", openssh(OWNER.node), None)
    done = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", tmp_path / "node.key"], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == OWNER.card.node_public_key, done.stderr


def test_a_key_goes_through_a_pipe_as_flower_reads_it():
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(OWNER.node_key_openssh())
        assert pem(load_ssh_private_key(Path(f"/dev/fd/{reading}").read_bytes(), None)) == pem(OWNER.node)
    finally:
        os.close(reading)


def test_passphrases_that_do_not_fit_are_told(tmp_path):
    locked, plain = tmp_path / "locked.key", tmp_path / "plain.key"
    write_key(locked, pem(OWNER.tls), LOCK)
    write_key(plain, pem(OWNER.tls), None)
    with pytest.raises(SettingError, match=r"locked\.key is locked with a passphrase, got none"):
        read_key(locked, None)
    with pytest.raises(SettingError, match=r"wrong passphrase for .*locked\.key"):
        read_key(locked, quick_lock(b"another passphrase"))
    with pytest.raises(SettingError, match=r"plain\.key is not locked with a passphrase, got one"):
        read_key(plain, LOCK)


ENCRYPTED = OWNER.tls.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
OPENSSH = openssh(OWNER.node)


@pytest.mark.parametrize("data", [b"", b"x", pem(OWNER.tls)[:-30], ENCRYPTED, OPENSSH[:-40], OPENSSH.replace(b"b3BlbnNzaC", b"c3BlbnNzaC")])
def test_damaged_files_are_told(tmp_path, data):
    write_key(tmp_path / "a.key", data, None)
    with pytest.raises(OutputError, match=r"damaged: .*a\.key holds no private key"):
        read_key(tmp_path / "a.key", None)


def test_a_damaged_locked_file_is_told(tmp_path):
    write_key(tmp_path / "a.key", pem(OWNER.tls), LOCK)
    path = tmp_path / "b.key"
    write_key(path, (tmp_path / "a.key").read_bytes()[:-1], None)
    with pytest.raises(OutputError, match=r"damaged: .*b\.key"):
        read_key(path, LOCK)


@pytest.mark.parametrize("key", [OWNER.node, Ed25519PrivateKey.generate()])
def test_keys_of_another_kind_are_told(tmp_path, key):
    write_key(tmp_path / "tls.key", pem(key), None)
    with pytest.raises(OutputError, match=r"damaged: .*curve secp256r1, got a"):
        read_ec_key(tmp_path / "tls.key", ec.SECP256R1, None)
