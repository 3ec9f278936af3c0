"""Whether gRPC in this process speaks TLS 1.3 and nothing older, tried out rather than believed."""

import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc

from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.credentials import Current, rotating_server_credentials

HANDSHAKE = b"\x16"  # the type of the record in which a server says which version it agrees to; RFC 8446, section 5.1
PATIENCE_S = 10.0
_SEEN = threading.Event()


def require_tls13(current: Current) -> None:
    """An entity's credentials -> nothing, once a server with them was seen to refuse TLS 1.2.

    The server is one for this purpose, on this machine's loopback. Raises SettingError where gRPC was imported by somebody else
    before this package could say what it may speak, and where the credentials make no server.
    """
    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.so_reuseport", 0)])
    try:
        port = server.add_secure_port("127.0.0.1:0", rotating_server_credentials(current))
        server.start()
        if not accepts(port, ssl.TLSVersion.TLSv1_3):
            raise SettingError("no TLS 1.3 with this key and certificate: wanted a PEM key on ECDSA P-256 and the certificate for it")
        if accepts(port, ssl.TLSVersion.TLSv1_2):
            raise SettingError(
                "gRPC accepts TLS 1.2 in this process, since it was imported before dpm_flower.exchange: "
                "start the process with GRPC_SSL_CIPHER_SUITES=ECDHE-PSK-CHACHA20-POLY1305"
            )
    except (RuntimeError, OSError) as err:
        raise SettingError(f"cannot try out TLS on the loopback: {err}") from err
    finally:
        server.stop(None)


def require_tls13_once(current: Current) -> None:
    """As `require_tls13`, tried out once in a process: what gRPC speaks is settled when it is imported."""
    if not _SEEN.is_set():
        require_tls13(current)
        _SEEN.set()


def accepts(port: int, version: ssl.TLSVersion) -> bool:
    """A port of this machine -> whether what listens there answers a greeting in exactly this version of TLS by going on."""
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    with suppress(ssl.SSLWantReadError):  # its greeting is written, and it waits for an answer
        context.wrap_bio(theirs, ours).do_handshake()
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as line:
        line.sendall(ours.read())
        return line.recv(1) == HANDSHAKE
