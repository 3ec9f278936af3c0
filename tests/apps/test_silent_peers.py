"""A peer that never answers, or not in time: given up after a deadline by its release's size, and the others' figures as without it."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dpm_flower.apps.study_command import run
from dpm_flower.core.arms import SharingArm
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.retries import Patience
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.exchange.shelf import PoolShelf
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.payload.entity_name import dns_name
from dpm_flower.payload.identity import Identity
from dpm_flower.regime.consortium import Consortium
from tests import small_study
from tests.apps import exchange_runs
from tests.apps.exchange_runs import interpose, left_behind, quality_of, reasons, straight
from tests.exchange.peers import Members

pytestmark = pytest.mark.soak  # whole runs; the exchange alone is tried in this way in tests/exchange, at every change

BYTE_S = 1.0  # between two bytes of the slowest
IMPATIENT = Patience(start_s=1.0, least_bytes_per_s=5e4, first_wait_s=0.05, longest_wait_s=0.2)


@contextmanager
def that_accepts_only(consortium):
    """An address where nobody answers a connection."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}"


@contextmanager
def that_greets_only(consortium):
    """An address where somebody with b's certificate completes each TLS handshake and says nothing more."""
    context, lines = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), []
    key = consortium.run.parent / "b.key"
    key.write_bytes(Identity.open(consortium.site("b").identity).tls_key_pem())
    context.load_cert_chain(consortium.certificate("b"), key)
    context.set_alpn_protocols(["h2"])

    def greet():
        with suppress(OSError):
            while True:
                line, _ = listener.accept()
                with suppress(OSError):  # a client that has given up
                    lines.append(context.wrap_socket(line, server_side=True))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, daemon=True).start()
        try:
            greeted(listener.getsockname(), consortium.authority)
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for line in lines:
                line.close()


def greeted(address, authority):
    """Somebody whom this authority knows as b does answer there."""
    trusting = ssl.create_default_context(cafile=authority)
    with socket.create_connection(address) as line, trusting.wrap_socket(line, server_hostname=dns_name("b")) as safe:
        assert safe.version() == "TLSv1.3"


@dataclass(frozen=True)
class Dripping(PoolShelf):
    """A pool whose shards come byte by byte."""

    ended: threading.Event

    def open_shard(self, digest, position, offset):
        size, chunks = super().open_shard(digest, position, offset)

        def slow():
            for byte in b"".join(chunks):
                yield bytes([byte])
                if self.ended.wait(BYTE_S):
                    return

        return size, slow()


@contextmanager
def that_drips(consortium):
    """An address where b's exchange serves one byte a second."""
    identity, ended = Identity.open(consortium.site("b").identity), threading.Event()
    files = CredentialFiles(identity.tls_key_pem, consortium.certificate("b"), consortium.authority)
    shelf = Dripping(Pool(consortium.site("b").pool), ended)
    with ExchangeServer("127.0.0.1:0", shelf, Members("a"), files) as server:
        try:
            yield server.address
        finally:
            ended.set()


PEERS = (that_accepts_only, that_greets_only, that_drips)  # one for each of b's releases
ARMS = tuple(f"beside one {peer.__name__.replace('_', ' ')}" for peer in PEERS)


def arms(senders):
    return tuple(
        SharingArm(name=name, method=RawFeatures(name=f"features-{number}"), receivers=("a",), senders=senders)
        for number, name in enumerate(ARMS)
    )


def test_a_silent_peer_is_left_out_with_its_reason_and_the_others_figures_are_those_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited, sizes = [], []

    @contextmanager
    def way(release, endpoint):
        if endpoint.name != "b":
            with straight(release, endpoint) as usual:
                yield usual
            return
        with PEERS[len(sizes)](Consortium(tmp_path / "with")) as address:
            sizes.append(release.manifest.shards[0].size_bytes)
            began = time.monotonic()
            try:
                yield PeerEndpoint("b", address), IMPATIENT
            finally:
                waited.append(time.monotonic() - began)

    interpose(monkeypatch, way)
    for folder, senders, exchange in (("with", ("b", "c"), "grpc"), ("without", ("c",), "local")):
        study = replace(exchange_runs.STUDY, arms=arms(senders))
        monkeypatch.setattr(small_study, "CHANGED", study, raising=False)
        output = tmp_path / folder
        assert run("tests.small_study:CHANGED", "", "", output, in_process=True, cpus_per_client=1, exchange=exchange) == 0
    said, pool = reasons(tmp_path / "with"), Pool(Consortium(tmp_path / "with").site("a").pool)
    for arm, size, waited_s in zip(ARMS, sizes, waited, strict=True):
        deadline_s = IMPATIENT.deadline_s(size)
        assert deadline_s > IMPATIENT.start_s + 1  # most of it is for the release's bytes
        assert said[arm, "a"].startswith("without the release of b: b does not deliver shard ")
        assert f"not within {deadline_s:.3g} s; the last try: " in said[arm, "a"]
        assert deadline_s - IMPATIENT.longest_wait_s < waited_s
    log = [entry.details for entry in pool.audit_log.entries() if entry.event == "refused"]
    assert ["not within" in str(details["reason"]) for details in log] == [True] * len(ARMS)
    assert {details["sender"] for details in log} == {"b"}
    assert figures_of_a(tmp_path / "with") == figures_of_a(tmp_path / "without")
    assert left_behind(tmp_path) == []
    assert "without the release of b: b does not deliver shard" in (tmp_path / "with" / "report.html").read_text()


def figures_of_a(folder):
    """What quality.csv says of a, less the reasons, which are the last column."""
    lines = [line.decode() for line in quality_of(folder, ARMS).splitlines()]
    return [line.rpartition(",")[0] if "without the release" in line else line.rstrip(",") for line in lines if line.split(",")[2] == "a"]
