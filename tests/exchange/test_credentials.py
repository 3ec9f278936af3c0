import socket
import ssl

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.credentials import MAX_FILE_BYTES, CredentialFiles, Credentials
from dpm_flower.exchange.server import ExchangeServer
from tests.exchange.peers import Members, MemoryShelf, authority, entity, raw


@pytest.fixture
def ca(tmp_path):
    return authority(tmp_path / "ca")


def written(folder, credentials):
    """Credentials -> files of theirs, and what reads them."""
    (folder / "key").write_bytes(credentials.private_key)
    (folder / "certificate").write_bytes(credentials.certificate_chain)
    (folder / "authorities").write_bytes(credentials.authorities)
    return CredentialFiles((folder / "key").read_bytes, folder / "certificate", folder / "authorities")


def shown_by(address):
    """Where a server listens -> the certificate that it shows now, in DER."""
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((host, int(port)), 60) as line, context.wrap_socket(line) as secured:
        return secured.getpeercert(binary_form=True)


def der(credentials):
    return ssl.PEM_cert_to_DER_cert(credentials.certificate_chain.decode())


def test_files_are_read_each_time(tmp_path, ca):
    first, second = entity("entity-a", ca), entity("entity-a", ca)
    files = written(tmp_path, first)
    assert files() == first
    written(tmp_path, second)
    assert files() == second


def test_the_key_is_not_shown():
    assert "secret" not in repr(Credentials(b"secret", b"certificate", b"authorities"))


@pytest.mark.parametrize("name", ["certificate", "authorities"])
def test_a_file_that_is_missing_or_endless_is_refused(tmp_path, ca, name):
    files = written(tmp_path, entity("entity-a", ca))
    (tmp_path / name).write_bytes(bytes(MAX_FILE_BYTES + 1))
    with pytest.raises(SettingError, match=f"{name} may take .* got more"):
        files()
    (tmp_path / name).unlink()
    with pytest.raises(SettingError, match=f"cannot read .*{name}: No such file"):
        files()


def test_a_servers_certificate_is_replaced_without_a_restart_and_a_half_written_one_is_not_taken(tmp_path, ca):
    first, second = entity("entity-b", ca), entity("entity-b", ca)
    files = written(tmp_path, first)
    with ExchangeServer("127.0.0.1:0", MemoryShelf(), Members(), files) as server:
        assert shown_by(server.address) == der(first)
        (tmp_path / "certificate").unlink()
        assert shown_by(server.address) == der(first)
        (tmp_path / "certificate").write_bytes(second.certificate_chain)  # whose key is not there yet
        assert shown_by(server.address) == der(first)
        (tmp_path / "key").write_bytes(second.private_key)
        assert shown_by(server.address) == der(second)


def test_authorities_are_replaced_without_a_restart(tmp_path, ca):
    other = authority(tmp_path / "other")
    caller = entity("entity-a", other, believes=ca)
    files = written(tmp_path, entity("entity-b", ca))
    with ExchangeServer("127.0.0.1:0", MemoryShelf(), Members("entity-a"), files) as server:
        assert raw(server.address, caller, "/grpc.health.v1.Health/Check")[0].name == "UNAVAILABLE"
        (tmp_path / "authorities").write_bytes(ca.certificate_pem + other.certificate_pem)
        assert isinstance(raw(server.address, caller, "/grpc.health.v1.Health/Check"), list)
