"""The two sides of a transfer over loopback, each a process of its own without torch: through the exchange, and through a bare TLS socket.

Usage: python -m tests.benchmarks.exchange_sides serve-exchange|fetch-exchange|serve-bare|fetch-bare FOLDER [ADDRESS TARGET]
FOLDER holds the files key, certificate and authorities of both sides, and the pool. Servers print their address, and on the end of
their standard input the bytes of memory that they took beyond what they had before; clients print seconds and those bytes.
"""

import hashlib
import json
import os
import random
import socket
import ssl
import sys
import time
from pathlib import Path

from dpm_flower.exchange import layout
from dpm_flower.exchange.claim import Claim
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.exchange.shelf import PoolShelf
from dpm_flower.payload.verified import PROOF, AuthenticRelease

CHUNK_BYTES = 1 << 20
NAME = "entity-b"  # of both sides: one certificate is enough here


def credentials(folder):
    return CredentialFiles((folder / "key").read_bytes, folder / "certificate", folder / "authorities")


def memory_bytes(what):
    """ "VmHWM", the most so far, or "VmRSS", now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(what))


def released(folder):
    """The one release of the pool, unverified: this is about its bytes."""
    envelope = Pool(folder / "pool").envelopes()[0]
    return AuthenticRelease(Claim.of(envelope), envelope, PROOF)


def serve_exchange(folder):
    shelf = PoolShelf(Pool(folder / "pool"))
    with ExchangeServer("127.0.0.1:0", shelf, lambda *_: None, credentials(folder)) as server:
        _serve_until_told(server.address)


def fetch_exchange(folder, address, target):
    release, into = released(folder), Pool(target)
    exchange = GrpcExchange(peers=lambda _: PeerEndpoint(NAME, address), credentials=credentials(folder), rng=random.Random(0))
    list(exchange.catalogue(NAME, release.manifest.campaign))  # what is loaded on first use is not the transfer's
    _timed(lambda: exchange.fetch(release, into))


def serve_bare(folder):
    context = _context(folder, ssl.PROTOCOL_TLS_SERVER)
    paths = _shards(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
        line, _ = listener.accept()
        with context.wrap_socket(line, server_side=True) as secured:
            for path in paths:
                with path.open("rb", buffering=0) as file:
                    while chunk := file.read(CHUNK_BYTES):
                        secured.sendall(chunk)


def fetch_bare(folder, address, target):
    host, _, port = address.rpartition(":")
    line = _context(folder, ssl.PROTOCOL_TLS_CLIENT).wrap_socket(socket.create_connection((host, int(port))))
    target.mkdir()

    def fetch():
        buffer = memoryview(bytearray(CHUNK_BYTES))
        for path in _shards(folder):
            digest, left = hashlib.sha256(), path.stat().st_size
            with (target / path.name).open("xb", buffering=0) as file:
                while left:
                    size = line.recv_into(buffer, min(left, CHUNK_BYTES))
                    digest.update(buffer[:size])
                    file.write(buffer[:size])
                    left -= size
                os.fsync(file.fileno())

    _timed(fetch)


def _shards(folder):
    (release,) = (folder / "pool" / layout.RELEASES).iterdir()
    return sorted(release.glob("*.shard"))


def _context(folder, side):
    context = ssl.SSLContext(side)
    context.check_hostname, context.verify_mode = False, ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(folder / "certificate", folder / "key")
    context.load_verify_locations(folder / "authorities")
    return context


def _serve_until_told(address):
    before = memory_bytes("VmRSS")
    print(address, flush=True)
    sys.stdin.read()
    print(memory_bytes("VmHWM") - before, flush=True)


def _timed(work):
    before, started = memory_bytes("VmRSS"), time.perf_counter()
    work()
    print(json.dumps({"seconds": time.perf_counter() - started, "bytes": memory_bytes("VmHWM") - before}))


if __name__ == "__main__":
    verb, folder, *rest = sys.argv[1:]
    folder = Path(folder)
    if verb == "serve-exchange":
        serve_exchange(folder)
    elif verb == "fetch-exchange":
        fetch_exchange(folder, rest[0], Path(rest[1]))
    elif verb == "serve-bare":
        serve_bare(folder)
    else:
        fetch_bare(folder, rest[0], Path(rest[1]))
