"""A client's line to one peer: mutual TLS 1.3 to whoever holds the certificate of that name, made anew when it was cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import grpc

from dpm_flower.exchange.credentials import Current
from dpm_flower.exchange.messages import MOST_TO_A_CLIENT_BYTES, SERVICE, path
from dpm_flower.exchange.tls13 import require_tls13_once
from dpm_flower.payload.entity_name import dns_name

MOST_SAID = 300  # characters of what a peer says
LONGEST_CALL_S = 3600.0  # a server does not hold a thread for any length; what takes longer goes on in a new call

_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),  # a new line is a new connection, with no memory of how the last one failed
    ("grpc.enable_retries", 0),  # ours know where they were
    ("grpc.max_receive_message_length", MOST_TO_A_CLIENT_BYTES),
    ("grpc.keepalive_time_ms", 20_000),  # a peer whose machine is gone is noticed within 30 s
    ("grpc.keepalive_timeout_ms", 10_000),
]

# What may be well again at the next try. All else is the peer's answer.
_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,  # cut, not there, or ending
        grpc.StatusCode.RESOURCE_EXHAUSTED,  # over the peer's limits, which come back with time
        grpc.StatusCode.CANCELLED,  # by a server that ends
        grpc.StatusCode.DEADLINE_EXCEEDED,  # of one call; the transfer has its own
        grpc.StatusCode.INTERNAL,  # a stream that was reset, or the peer's own trouble
        grpc.StatusCode.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class PeerEndpoint:
    """Where a peer's exchange answers ("host:port"), and the name that its certificate must bear whatever the host is called."""

    name: str
    address: str


class Line:
    """Calls to one peer, for the length of a with block. Connects when first needed, and after `renew` again, with the credentials of then.

    What comes of a call is raised as gRPC has it, for `may_pass` and `said`; SettingError where the own credentials cannot be
    read, and in a process in which gRPC would take TLS 1.2.
    """

    def __init__(self, peer: PeerEndpoint, credentials: Current) -> None:
        self._peer, self._credentials = peer, credentials
        self._channel: grpc.Channel | None = None

    def answers(self, call: str, requests: Iterator[bytes], timeout_s: float, service: str = SERVICE) -> Iterator[bytes]:
        """A call, of the exchange or another service, and its requests -> the answers as they come."""
        stream = self._open().stream_stream(path(call, service))(requests, timeout=min(timeout_s, LONGEST_CALL_S))
        try:
            yield from stream
        finally:
            stream.cancel()  # whoever stops listening wants no more of it sent

    def renew(self) -> None:
        """Hangs up; the next call connects anew."""
        if self._channel is not None:
            self._channel.close()
        self._channel = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.renew()

    def _open(self) -> grpc.Channel:
        if self._channel is None:
            require_tls13_once(self._credentials)
            options = [*_OPTIONS, ("grpc.ssl_target_name_override", dns_name(self._peer.name))]
            self._channel = grpc.secure_channel(self._peer.address, self._credentials().of_a_channel(), options)
        return self._channel


def may_pass(err: grpc.RpcError) -> bool:
    """How a call failed -> whether another try may go better."""
    return err.code() in _PASSING


def said(err: grpc.RpcError) -> str:
    """How a call failed -> in words, cut and without control characters: the peer may have chosen them, and they end up in logs."""
    return f"{err.code().name}: {(err.details() or '')[:MOST_SAID]!a}"
