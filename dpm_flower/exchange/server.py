"""A site's exchange as a server: a shelf and who may ask -> a port on which the roster's entities are served."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import grpc

from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.credentials import Current, rotating_server_credentials
from dpm_flower.exchange.guard import Admit, Behaviour, Guard, Told
from dpm_flower.exchange.health import HEALTH, Health
from dpm_flower.exchange.limits import Limits, Meter
from dpm_flower.exchange.messages import MOST_TO_A_SERVER_BYTES, SERVICE
from dpm_flower.exchange.service import ExchangeService, Intake
from dpm_flower.exchange.shelf import Shelf
from dpm_flower.exchange.tls13 import require_tls13

CALLS_AT_ONCE = 32  # of all peers, each with a thread, which waits most of the time
DRAIN_S = 30.0

OPTIONS = [
    ("grpc.so_reuseport", 0),  # a second server on the port is an error, and does not get half of the calls
    ("grpc.max_receive_message_length", MOST_TO_A_SERVER_BYTES),
    ("grpc.max_concurrent_streams", CALLS_AT_ONCE),  # per connection
    ("grpc.max_metadata_size", 8192),
    ("grpc.server_handshake_timeout_ms", 10_000),  # for strangers that connect and say nothing; 120 s by default
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # clients ask every 20 s whether we live
]


def _nobody(_: Told) -> None:
    return


class ExchangeServer:
    """Serves from `start` to `stop`, or for the length of a with block; once.

    `listen` is "host:port", port 0 for any free one: `address` says which. `admit` raises for entities that may not call (any more).
    Raises SettingError if the address is taken, the credentials make no server, or TLS 1.2 would be accepted.
    """

    def __init__(
        self,
        listen: str,
        shelf: Shelf,
        admit: Admit,
        credentials: Current,
        *,
        intake: Intake | None = None,
        limits: Limits | None = None,
        told: Callable[[Told], None] = _nobody,
    ) -> None:
        require_tls13(credentials)
        limits = limits or Limits()
        self._health = Health()
        self._server = grpc.server(ThreadPoolExecutor(CALLS_AT_ONCE), options=OPTIONS, maximum_concurrent_rpcs=CALLS_AT_ONCE)
        guard = Guard(admit, told, limits, Meter(limits))
        self._offer(guard, SERVICE, ExchangeService(shelf, intake).behaviours())
        self._offer(guard, HEALTH, self._health.behaviours())
        try:
            port = self._server.add_secure_port(listen, rotating_server_credentials(credentials))
        except RuntimeError as err:
            raise SettingError(f"cannot listen on {listen}: taken, or not an address of this machine") from err
        self.address = f"{listen.rpartition(':')[0]}:{port}"

    def start(self) -> None:
        """Takes calls from now on."""
        self._server.start()

    def stop(self, drain_s: float = DRAIN_S) -> None:
        """Takes no more calls, lets those under way end within `drain_s` seconds, cuts the rest, and returns when all is closed."""
        self._health.stop()
        self._server.stop(drain_s).wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _offer(self, guard: Guard, service: str, behaviours: dict[str, Behaviour]) -> None:
        handlers = {call: guard.handler(call, behaviour) for call, behaviour in behaviours.items()}
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
