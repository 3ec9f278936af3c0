"""Public keys as others write them -> the same bytes or line, once they are known to hold the right kind of key in its only form."""

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key, load_ssh_public_key

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.rules import shown


def spki_der(key: ec.EllipticCurvePublicKey) -> bytes:
    """A public key -> its SubjectPublicKeyInfo in DER, as certificates hold it."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def openssh_line(key: ec.EllipticCurvePublicKey) -> str:
    """A public key -> its OpenSSH line, without comment or line end, as `flwr supernode register` reads it."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def tls_public_key(spki: bytes) -> ec.EllipticCurvePublicKey:
    """A SubjectPublicKeyInfo in DER -> its ECDSA P-256 key: with Ed25519, gRPC's TLS fails. Raises ReleaseError for anything else."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise ReleaseError(f"a TLS key must be a SubjectPublicKeyInfo in DER, got {shown(spki)}: {err}") from err
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1) or spki_der(key) != spki:
        raise ReleaseError(f"a TLS key must be of ECDSA P-256, in its named and uncompressed form, got a {kind_of(key)}")
    return key


def check_node_line(line: str) -> str:
    """The OpenSSH line of an ECDSA P-384 key -> the same line. Raises ReleaseError for anything else."""
    try:
        key = load_ssh_public_key(line.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm) as err:  # text that is not ASCII among them
        raise ReleaseError(f"a node's key must be an OpenSSH line, got {shown(line)}: {err}") from err
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise ReleaseError(f"a node's key must be of ECDSA P-384, got a {kind_of(key)}")
    if openssh_line(key) != line:
        raise ReleaseError(f"a node's key is its OpenSSH line without comment or line end, got {shown(line)}")
    return line


def base64_bytes(text: str, what: str) -> bytes:
    """Standard base64 -> its bytes; they have one spelling. Raises ReleaseError for another."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as err:
        raise ReleaseError(f"{what} must be base64: {err}") from err
    if base64_text(data) != text:
        raise ReleaseError(f"{what} must be base64 in standard form, got {shown(text)}")
    return data


def base64_text(data: bytes) -> str:
    """Bytes -> standard base64 on one line."""
    return base64.b64encode(data).decode("ascii")


def kind_of(key: object) -> str:
    """A key -> its kind in words for a message, with the curve where it has one."""
    curve = getattr(key, "curve", None)
    return f"{type(key).__name__} of {curve.name}" if isinstance(curve, ec.EllipticCurve) else type(key).__name__
