"""A certificate authority for development and trials: certificate requests that keep to the rules -> certificates for TLS."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dpm_flower.core.errors import OutputError, ReleaseError, SettingError
from dpm_flower.payload.card import Card
from dpm_flower.payload.certificates import SubjectNames, alternative_names, entity_names, read_certificate, read_request, subject_names
from dpm_flower.payload.endpoint import address, host_and_port, is_host
from dpm_flower.payload.entity_name import DNS_SUFFIX
from dpm_flower.payload.key_files import check_closed_folder, new_folder, write_new
from dpm_flower.payload.passphrase_lock import PassphraseLock
from dpm_flower.payload.private_forms import pem, read_ec_key, write_key
from dpm_flower.payload.public_forms import spki_der, tls_public_key
from dpm_flower.payload.rules import shown

CA_DAYS, MOST_CA_DAYS = 1825, 3650
DAYS, MOST_DAYS = 90, 398  # the most that browsers accept
SKEW_S = 300  # a new certificate holds from five minutes ago, since clocks differ
DAY_S = 86400
KEY_NAME, CERTIFICATE_NAME = "ca.key", "ca.crt"
HOST_KEY_NAME, HOST_CERTIFICATE_NAME = "host.key", "host.crt"

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True, eq=False)
class DevelopmentCa:
    """A CA's ECDSA P-256 key and its own certificate, which allows it to sign holders' certificates and no further CA.

    It signs what it is given once the rules below hold; who may take part is the roster's to say, never the CA's. Whoever trusts this CA
    for a SuperLink as well should look at the host names that it signs for entities: one that answers at the SuperLink's name gets a
    certificate for that name. `now` is in seconds since 1970 UTC everywhere.
    """

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(
        cls, folder: Path, common_name: str, *, now: int, days: int = CA_DAYS, lock: PassphraseLock | None = None
    ) -> "DevelopmentCa":
        """A new CA in a new folder: ca.key (mode 0600, locked where there is a lock) and the public ca.crt.

        Raises SettingError for a name or a number of days that cannot work, OutputError where the folder cannot be made.
        """
        _check_days(days, MOST_CA_DAYS)
        if not 0 < len(common_name) <= 64 or not common_name.isprintable():
            raise SettingError(f"a CA's name has 1 to 64 printable characters, got {shown(common_name)}")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(common_name)
        builder = (
            _dated(now - SKEW_S, now + days * DAY_S)
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage("key_cert_sign", "crl_sign"), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        made = cls(key, builder.sign(key, hashes.SHA256()))
        with new_folder(folder) as partial:
            write_key(partial / KEY_NAME, pem(key), lock)
            write_new(partial / CERTIFICATE_NAME, made.certificate_pem, 0o644)
        return made

    @classmethod
    def open(cls, folder: Path, lock: PassphraseLock | None = None) -> "DevelopmentCa":
        """A CA's folder -> the CA. Raises OutputError or SettingError as `read_ec_key` does, and for a key of another certificate."""
        check_closed_folder(folder)
        key = read_ec_key(folder / KEY_NAME, ec.SECP256R1, lock)
        try:
            certificate = read_certificate((folder / CERTIFICATE_NAME).read_bytes())
        except (OSError, ReleaseError) as err:
            raise OutputError(f"missing or damaged: {folder / CERTIFICATE_NAME}: {err}") from err
        if certificate.public_key() != key.public_key():
            raise OutputError(f"damaged: {folder / CERTIFICATE_NAME} is not the certificate of {KEY_NAME} beside it")
        return cls(key, certificate)

    @property
    def certificate_pem(self) -> bytes:
        """The CA's own certificate in PEM, which everybody may have."""
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, request_pem: bytes, card: Card, *, now: int, days: int = DAYS) -> bytes:
        """An entity's request and its card -> its certificate in PEM, for TLS as server and as client.

        Raises ReleaseError unless the request's signature holds, its names are exactly those of the card, and its key is the card's,
        which is of ECDSA P-256; SettingError for days that cannot work.
        """
        request = read_request(request_pem)
        wanted = entity_names(card.name, host_and_port(card.endpoint)[0])
        if (came := subject_names(request)) != wanted:
            raise ReleaseError(f"wanted a request for exactly {', '.join(wanted.all)}, got {', '.join(map(shown, came.all))}")
        key = _p256(request.public_key())
        if spki_der(key) != card.tls_spki:
            raise ReleaseError(f"the request's key is not the TLS key on the card of {card.name}")
        return self._issue(key, card.name, wanted, now, days)

    def sign_host(self, folder: Path, hosts: tuple[str, ...], *, now: int, days: int = DAYS) -> bytes:
        """The names and addresses of one host -> its certificate in PEM, in a new folder with a new key (no passphrase: Flower takes none).

        Raises SettingError for what is no host, or is an entity's name; OutputError where the folder cannot be made.
        """
        wrong = [host for host in hosts if not is_host(host) or host.endswith(DNS_SUFFIX)]
        if wrong or not hosts or len(set(hosts)) < len(hosts):
            raise SettingError(f"wanted different host names (none under {DNS_SUFFIX[1:]}) or addresses, got {shown(wrong or hosts)}")
        names = SubjectNames(
            tuple(host for host in hosts if address(host) is None), tuple(host for host in hosts if address(host) is not None)
        )
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._issue(key.public_key(), "dpm-flower host", names, now, days)
        with new_folder(folder) as partial:
            write_key(partial / HOST_KEY_NAME, pem(key), None)
            write_new(partial / HOST_CERTIFICATE_NAME, certificate, 0o644)
        return certificate

    def renew(self, certificate_pem: bytes, *, now: int, days: int = DAYS) -> bytes:
        """A certificate that this CA signed, expired or not -> one for the same key and names, from now on.

        Raises ReleaseError for one of another CA, and for the CA's own.
        """
        old = read_certificate(certificate_pem)
        try:
            old.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature) as err:
            raise ReleaseError("only certificates that this CA signed are renewed, got one that it did not sign") from err
        if old.public_key() == self.certificate.public_key():
            raise ReleaseError("a CA's own certificate is not renewed: everybody would have to trust the new one, so create a new CA")
        common_name = old.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        return self._issue(_p256(old.public_key()), str(common_name), subject_names(old), now, days)

    def _issue(self, key: ec.EllipticCurvePublicKey, common_name: str, names: SubjectNames, now: int, days: int) -> bytes:
        """A certificate that ends with the CA's own at the latest: after that nobody would accept it."""
        _check_days(days, MOST_DAYS)
        begin, end = (int(at.timestamp()) for at in (self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc))
        if not begin <= now < end:
            raise ReleaseError(f"this CA signs from {_shown_time(begin)} to {_shown_time(end)}, and it is {_shown_time(now)}")
        builder = (
            _dated(max(begin, now - SKEW_S), min(now + days * DAY_S, end))
            .subject_name(_subject(common_name))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(alternative_names(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _dated(begin: int, end: int) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    return builder.not_valid_before(datetime.fromtimestamp(begin, UTC)).not_valid_after(datetime.fromtimestamp(end, UTC))


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in allowed for usage in _KEY_USAGES})


def _p256(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ReleaseError(f"a certificate is for a key of ECDSA P-256, got {type(key).__name__}")
    return tls_public_key(spki_der(key))


def _check_days(days: int, most: int) -> None:
    if not 1 <= days <= most:
        raise SettingError(f"days must be from 1 to {most}, got {days}")


def _shown_time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
