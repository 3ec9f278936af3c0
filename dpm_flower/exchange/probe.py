"""Peers' exchanges and own credentials -> what each answers when it is asked how it is, and if it does not, at which step it ended."""

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeAlias

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from dpm_flower.core.errors import PeerError
from dpm_flower.exchange.credentials import Current
from dpm_flower.exchange.health import HEALTH
from dpm_flower.exchange.line import Line, PeerEndpoint, said
from dpm_flower.exchange.messages import SERVICE, parsed
from dpm_flower.exchange.tls13 import require_tls13_once

LEAST_LOOK_S = 1.0  # for finding out why, where the call itself took all the time

Outcome: TypeAlias = Literal[
    "serving",
    "not serving",  # it is ending
    "not resolved",  # nobody knows an address for the host
    "refused connection",  # nothing listens on the port
    "no answer",  # within the time, or no way there
    "TLS refused",  # one of the two does not take the other's certificate
    "not admitted",  # it knows who asks, and does not have them on its roster in this way
    "trouble",  # of its own, or no exchange at all
]


@dataclass(frozen=True, slots=True)
class Probed:
    """What asking one peer came to, and the words for it, cut and escaped as `said` does; no words where it serves."""

    peer: PeerEndpoint
    outcome: Outcome
    words: str = ""


def probe_all(peers: Sequence[PeerEndpoint], credentials: Current, timeout_s: float) -> list[Probed]:
    """Peers -> what each came to, in their order; all are asked at once, each once.

    Raises SettingError where the own credentials cannot be read or make no connection.
    """
    require_tls13_once(credentials)  # before there are threads, each of which would try it
    with ThreadPoolExecutor(max(1, len(peers))) as pool:
        return list(pool.map(lambda peer: probe(peer, credentials, timeout_s), peers))


def probe(peer: PeerEndpoint, credentials: Current, timeout_s: float) -> Probed:
    """One peer -> what came of asking its health service. Raises SettingError as `probe_all` does."""
    give_up = time.monotonic() + timeout_s
    request = HealthCheckRequest(service=SERVICE).SerializeToString()
    try:
        with Line(peer, credentials) as line:
            answers = list(line.answers("Check", iter([request]), timeout_s, HEALTH))
        status = parsed(HealthCheckResponse, answers[0] if answers else b"").status
    except PeerError as err:
        return Probed(peer, "trouble", str(err))
    except grpc.RpcError as err:
        match err.code():
            case grpc.StatusCode.UNAVAILABLE:
                return Probed(peer, *_why_unavailable(peer.address, said(err), max(LEAST_LOOK_S, give_up - time.monotonic())))
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return Probed(peer, "no answer", f"within {timeout_s:g} s")
            case grpc.StatusCode.PERMISSION_DENIED:
                return Probed(peer, "not admitted", said(err))
            case _:
                return Probed(peer, "trouble", said(err))
    if status != HealthCheckResponse.SERVING:
        return Probed(peer, "not serving", str(HealthCheckResponse.ServingStatus.Name(status)))
    return Probed(peer, "serving")


def _why_unavailable(address: str, words: str, left_s: float) -> tuple[Outcome, str]:
    """Where nothing could be asked -> the step at which it ended, found by going the same way on foot.

    gRPC has one code for all of them, and its words change from version to version.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as err:
        return "not resolved", str(err)
    try:
        socket.create_connection((host, int(port)), left_s).close()
    except ConnectionRefusedError as err:
        return "refused connection", str(err.strerror)
    except TimeoutError:
        return "no answer", f"to a connection within {left_s:.0f} s"
    except OSError as err:
        return "no answer", str(err.strerror)
    return "TLS refused", words
