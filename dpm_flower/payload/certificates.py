"""Certificates and certificate requests in PEM: who they name, until when they hold, and whose key they are for."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.endpoint import address
from dpm_flower.payload.entity_name import DNS_SUFFIX, dns_name, entity_uri, named_in
from dpm_flower.payload.rules import shown

MAX_PEM_BYTES = 1 << 16  # a chain of a few certificates; one takes about 1 KB


@dataclass(frozen=True, slots=True)
class SubjectNames:
    """What a certificate or a request says that its holder is called: DNS names, addresses and URIs, each sorted."""

    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every name."""
        return (*self.dns, *self.addresses, *self.uris)


def entity_names(name: str, host: str) -> SubjectNames:
    """An entity and the host of its endpoint -> what its certificate says: NAME.entity.dpm, its URI, and the host for other clients."""
    is_address = address(host) is not None
    dns = (dns_name(name),) if is_address or host == dns_name(name) else (dns_name(name), host)
    return SubjectNames(tuple(sorted(dns)), (host,) if is_address else (), (entity_uri(name),))


def certificate_request(key: ec.EllipticCurvePrivateKey, common_name: str, names: SubjectNames) -> bytes:
    """A private key and the names wanted -> a request in PEM, which proves that its maker holds the key. Source: RFC 2986."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(alternative_names(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def entity_of(pem: bytes) -> str:
    """A certificate in PEM (the first, of several) -> the entity that it names. It is looked at, not verified: TLS has done that.

    Raises ReleaseError unless it has exactly one URI, an entity's, and no DNS name of another entity: a peer would take its holder for that
    one when it dials.
    """
    names = subject_names(read_certificate(pem))
    if len(names.uris) != 1:
        raise ReleaseError(f"a certificate must name its entity in exactly one URI, got {shown(names.uris)}")
    name = named_in(names.uris[0])
    if foreign := [dns for dns in names.dns if dns.lower().endswith(DNS_SUFFIX) and dns != dns_name(name)]:
        raise ReleaseError(f"the certificate of {name} also names {shown(foreign[0])}")
    return name


def not_after(pem: bytes) -> int:
    """A certificate in PEM -> until when it holds, in seconds since 1970 UTC."""
    return int(read_certificate(pem).not_valid_after_utc.timestamp())


def spki(pem: bytes) -> bytes:
    """A certificate in PEM -> its public key as SubjectPublicKeyInfo in DER, to be compared with a card's `tls_spki`."""
    try:
        return read_certificate(pem).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm) as err:
        raise ReleaseError(f"a certificate with a key that cannot be read: {err}") from err


def read_certificate(pem: bytes) -> x509.Certificate:
    """PEM from anybody -> its first certificate. Raises ReleaseError for what is none."""
    _check_size(pem)
    try:
        return x509.load_pem_x509_certificate(pem)
    except (ValueError, TypeError, x509.InvalidVersion) as err:
        raise ReleaseError(f"wanted a certificate in PEM, got {shown(pem)}: {err}") from err


def read_request(pem: bytes) -> x509.CertificateSigningRequest:
    """PEM from anybody -> a request whose signature holds: whoever made it has the key. Raises ReleaseError for anything else."""
    _check_size(pem)
    try:
        request = x509.load_pem_x509_csr(pem)
        sound = request.is_signature_valid
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm) as err:
        raise ReleaseError(f"wanted a certificate request in PEM, got {shown(pem)}: {err}") from err
    if not sound:
        raise ReleaseError("the certificate request's own signature does not hold: its maker does not have the key, or it was altered")
    return request


def subject_names(holder: x509.Certificate | x509.CertificateSigningRequest) -> SubjectNames:
    """A certificate or request -> its names. Raises ReleaseError where it has none or some of other kinds."""
    try:
        found = holder.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError) as err:
        raise ReleaseError(f"a certificate must have subject alternative names that can be read: {err}") from err
    if other := [name for name in found if not isinstance(name, x509.DNSName | x509.IPAddress | x509.UniformResourceIdentifier)]:
        raise ReleaseError(f"a certificate's names must be DNS names, addresses and URIs, got {shown(other[0])}")
    return SubjectNames(
        tuple(sorted(found.get_values_for_type(x509.DNSName))),
        tuple(sorted(str(value) for value in found.get_values_for_type(x509.IPAddress))),
        tuple(sorted(found.get_values_for_type(x509.UniformResourceIdentifier))),
    )


def alternative_names(names: SubjectNames) -> x509.SubjectAlternativeName:
    """Names -> the extension that holds them."""
    addresses: Iterable[x509.GeneralName] = (x509.IPAddress(ipaddress.ip_address(value)) for value in names.addresses)
    dns = (x509.DNSName(value) for value in names.dns)
    return x509.SubjectAlternativeName([*dns, *addresses, *(x509.UniformResourceIdentifier(value) for value in names.uris)])


def _check_size(pem: bytes) -> None:
    if len(pem) > MAX_PEM_BYTES:
        raise ReleaseError(f"a certificate or request may take {MAX_PEM_BYTES} bytes, got {len(pem)}")
