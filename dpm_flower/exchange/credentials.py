"""What one side of a TLS connection shows and believes, read anew for every connection, so that certificates can be replaced."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import grpc

from dpm_flower.core.errors import DpmFlowerError, SettingError

MAX_FILE_BYTES = 1 << 20  # a few certificates and one key


@dataclass(frozen=True, slots=True)
class Credentials:
    """An entity's TLS key, its certificate (with those between it and the authority), and the authorities it believes; all PEM."""

    private_key: bytes = field(repr=False)
    certificate_chain: bytes
    authorities: bytes

    def of_a_channel(self) -> grpc.ChannelCredentials:
        """The credentials -> those of a client's connection."""
        return grpc.ssl_channel_credentials(self.authorities, self.private_key, self.certificate_chain)

    def of_a_server(self) -> grpc.ServerCertificateConfiguration:
        """The credentials -> those of a server's next connections."""
        return grpc.ssl_server_certificate_configuration([(self.private_key, self.certificate_chain)], self.authorities)


Current: TypeAlias = Callable[[], Credentials]  # asked at every connection; raises SettingError where there are none to be had


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """Credentials in files, each read whenever it is asked for. Raises SettingError for one that cannot be read.

    `private_key` gives the key's PEM, from a file or out of an identity that a passphrase protects.
    """

    private_key: Callable[[], bytes]
    certificate: Path
    authorities: Path

    def __call__(self) -> Credentials:
        """-> what the files hold now."""
        return Credentials(self.private_key(), _content(self.certificate), _content(self.authorities))


def rotating_server_credentials(current: Current) -> grpc.ServerCredentials:
    """Where credentials come from -> a server's, which every new connection gets as they are then; clients must show a certificate.

    What cannot be read, or is half written, leaves the last good ones in use. Raises SettingError if there are none at the start.
    """
    first = current()
    in_use = [first]

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        try:
            latest = current()
        except DpmFlowerError:
            return None
        if latest == in_use[0]:
            return None
        in_use[0] = latest
        return latest.of_a_server()

    return grpc.dynamic_ssl_server_credentials(first.of_a_server(), renewed, require_client_authentication=True)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as err:
        raise SettingError(f"cannot read {path}: {err.strerror}") from err
    if len(data) > MAX_FILE_BYTES:
        raise SettingError(f"{path} may take {MAX_FILE_BYTES} bytes, got more")
    return data
