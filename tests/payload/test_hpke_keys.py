import pytest
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload import hpke_keys
from dpm_flower.payload.hpke_keys import HPKE_PUBLIC_BYTES, MLKEM_BYTES, HpkeKeys, hpke_public
from tests.payload.identities import identity

KEYS, OTHER = identity().hpke, identity("entity-b").hpke
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def test_what_is_sent_to_the_public_bytes_only_these_keys_read():
    sealed = SUITE.encrypt(b"secret", hpke_public(KEYS.public), b"info")
    assert SUITE.decrypt(sealed, KEYS.private, b"info") == b"secret"
    half = HpkeKeys(KEYS.mlkem, OTHER.x25519), HpkeKeys(OTHER.mlkem, KEYS.x25519)
    for wrong in (OTHER, *half):
        with pytest.raises(InvalidTag):
            SUITE.decrypt(sealed, wrong.private, b"info")


def test_public_bytes_are_mlkem_then_x25519():
    assert len(KEYS.public) == HPKE_PUBLIC_BYTES
    assert KEYS.public[:MLKEM_BYTES] == KEYS.mlkem.public_key().public_bytes_raw()
    assert KEYS.public[MLKEM_BYTES:] == KEYS.x25519.public_key().public_bytes_raw()
    assert "Private" not in repr(KEYS)


@pytest.mark.parametrize("raw", [b"", KEYS.public[:-1], KEYS.public + b"x"])
def test_other_lengths_are_refused(raw):
    with pytest.raises(ReleaseError, match="has 1216 bytes"):
        hpke_public(raw)


def test_coefficients_out_of_range_are_refused():
    with pytest.raises(ReleaseError, match="no public key"):
        hpke_public(b"\xff" * HPKE_PUBLIC_BYTES)


def test_a_machine_without_the_algorithm_is_told_so(monkeypatch):
    def lacking(*_):
        raise UnsupportedAlgorithm("no")

    monkeypatch.setattr(hpke_keys.MLKEM768PrivateKey, "generate", lacking)
    monkeypatch.setattr(hpke_keys.MLKEM768PublicKey, "from_public_bytes", lacking)
    with pytest.raises(SettingError, match="without ML-KEM-768"):
        HpkeKeys.generate()
    with pytest.raises(SettingError, match="without ML-KEM-768"):
        hpke_public(KEYS.public)
