import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.public_forms import base64_bytes, base64_text, check_node_line, openssh_line, spki_der, tls_public_key

P256, P384 = (ec.generate_private_key(curve).public_key() for curve in (ec.SECP256R1(), ec.SECP384R1()))
ED25519 = ed25519.Ed25519PrivateKey.generate().public_key()
ED25519_DER = ED25519.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
ED25519_LINE = ED25519.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
LINE = openssh_line(P384)


def compressed(key):
    """The same key in DER with its point compressed: a second spelling."""
    point = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    full = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    der = bytearray(spki_der(key).replace(full, point))
    der[1] -= len(full) - len(point)
    der[der.index(b"\x03\x42") + 1] -= len(full) - len(point)
    return bytes(der)


def test_the_right_kinds_come_back():
    assert tls_public_key(spki_der(P256)) == P256
    assert check_node_line(LINE) == LINE


@pytest.mark.parametrize(
    ("spki", "said"),
    [
        (b"", "SubjectPublicKeyInfo"),
        (spki_der(P256)[:-1], "SubjectPublicKeyInfo"),
        (spki_der(P256) + b"\0", "SubjectPublicKeyInfo"),
        (spki_der(P384), "ECDSA P-256.*secp384r1"),
        (ED25519_DER, "ECDSA P-256.*Ed25519"),
        (compressed(P256), "uncompressed form"),
    ],
    ids=["empty", "cut", "longer", "P-384", "Ed25519", "compressed"],  # keys differ from process to process, names may not
)
def test_other_tls_keys_are_refused(spki, said):
    with pytest.raises(ReleaseError, match=said):
        tls_public_key(spki)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "an OpenSSH line"),
        ("ecdsa-sha2-nistp384 AAAA", "an OpenSSH line"),
        ("ü", "an OpenSSH line"),
        (openssh_line(P256), "ECDSA P-384.*secp256r1"),
        (ED25519_LINE, "ECDSA P-384.*Ed25519"),
        (LINE + " me@host", "without comment"),
        (LINE + "\n", "without comment"),
    ],
    ids=["empty", "no-key", "not-ascii", "P-256", "Ed25519", "comment", "newline"],
)
def test_other_node_keys_are_refused(line, said):
    with pytest.raises(ReleaseError, match=said):
        check_node_line(line)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=40))
def test_base64_comes_back(data):
    assert base64_bytes(base64_text(data), "x") == data


@pytest.mark.parametrize("text", ["a", "aGl=", "aG k=", "aGk=\n", "aG-_", "ü"])
def test_other_spellings_of_base64_are_refused(text):
    with pytest.raises(ReleaseError, match="x must be base64"):
        base64_bytes(text, "x")
