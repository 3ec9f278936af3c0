"""A certificate, those between it and an authority, and the authorities, all in PEM -> who signed it, from when until when it holds."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.certificates import read_certificate
from dpm_flower.payload.rules import shown

MAX_CERTIFICATES_BYTES = 1 << 20  # the authorities of a whole operating system take 200 KB

_SIDES = {"servers": ExtendedKeyUsageOID.SERVER_AUTH, "clients": ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when something holds, in seconds since 1970 UTC."""

    begin: int
    end: int


def validity(pem: bytes) -> Validity:
    """A certificate in PEM (the first, of several) -> when it holds. Raises ReleaseError for what is none."""
    return _validity(read_certificate(pem))


def validity_up_to_authority(chain_pem: bytes, authorities_pem: bytes) -> Validity:
    """A certificate, followed by those between, and the authorities -> when all of the way from it to an authority holds.

    Raises ReleaseError unless each is signed by the next, and the last by one of the authorities. Which use a CA's certificate allows
    and how long a way may be is looked at by TLS.
    """
    chain, authorities = _certificates(chain_pem), _certificates(authorities_pem)
    way = [chain[0]]
    for after in chain[1:]:
        if after in authorities:
            break
        if not _signed(way[-1], after):
            raise ReleaseError(f"{_name(way[-1])} is not signed by the certificate after it, that of {_name(after)}")
        way.append(after)
    root = next((one for one in authorities if _signed(way[-1], one)), None)
    if root is None:
        raise ReleaseError(
            f"wanted a certificate signed by {', '.join(map(_name, authorities))}, got one that says it is signed by "
            f"{shown(way[-1].issuer.rfc4514_string())}"
        )
    spans = [_validity(one) for one in (*way, root)]
    return Validity(max(span.begin for span in spans), min(span.end for span in spans))


def check_for_both_sides(pem: bytes) -> None:
    """Raises ReleaseError if the certificate says what it is for and that is not TLS as a server and as a client: exchanges are both."""
    try:
        uses = set(read_certificate(pem).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    except (x509.DuplicateExtension, ValueError) as err:
        raise ReleaseError(f"a certificate whose uses cannot be read: {err}") from err
    if missing := [side for side, use in _SIDES.items() if use not in uses]:
        raise ReleaseError(f"wanted a certificate for servers and for clients, got one that is not for {' and '.join(missing)}")


def _certificates(pem: bytes) -> list[x509.Certificate]:
    if len(pem) > MAX_CERTIFICATES_BYTES:
        raise ReleaseError(f"certificates may take {MAX_CERTIFICATES_BYTES} bytes, got {len(pem)}")
    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, TypeError, x509.InvalidVersion) as err:
        raise ReleaseError(f"wanted certificates in PEM, got {shown(pem)}: {err}") from err


def _signed(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _name(certificate: x509.Certificate) -> str:
    return shown(certificate.subject.rfc4514_string())


def _validity(certificate: x509.Certificate) -> Validity:
    return Validity(int(certificate.not_valid_before_utc.timestamp()), int(certificate.not_valid_after_utc.timestamp()))
