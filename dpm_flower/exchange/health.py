"""gRPC's health service behind the guard: whether this exchange serves, asked once or watched until it stops.

Source: github.com/grpc/grpc/blob/master/doc/health-checking.md. The servicer of grpcio-health-checking would hold a thread for every
watcher that has gone, and parse before anybody asked who is there.
"""

import threading
from collections.abc import Iterator
from typing import Final

from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from dpm_flower.core.errors import PoolError
from dpm_flower.exchange.guard import Answer, Asked, Behaviour
from dpm_flower.exchange.messages import SERVICE, only

HEALTH: Final = "grpc.health.v1.Health"
POLL_S = 0.5  # between looks whether a watcher is still there
_SERVING = HealthCheckResponse.ServingStatus.Value("SERVING")
_NOT_SERVING = HealthCheckResponse.ServingStatus.Value("NOT_SERVING")
_UNKNOWN = HealthCheckResponse.ServingStatus.Value("SERVICE_UNKNOWN")


class Health:
    """Serving until `stop`; of the server as a whole (the empty name) and of the exchange, which are the same here."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def behaviours(self) -> dict[str, Behaviour]:
        """-> each call by its name."""
        return {"Check": self.check, "Watch": self.watch}

    def stop(self) -> None:
        """Not serving from now on, which every watcher hears."""
        self._stopped.set()

    def check(self, asked: Asked) -> Answer:
        """A service's name -> its state now. Raises PoolError for a service that is none of ours: the protocol's NOT_FOUND."""
        name = str(only(HealthCheckRequest, asked.requests).service)
        if name not in ("", SERVICE):
            raise PoolError(f"wanted the health of {SERVICE}, got {name!r}")
        return Answer(iter([_response(self._state())]))

    def watch(self, asked: Asked) -> Answer:
        """A service's name -> its state now, and again when it changes; of a service that is none of ours, that it is unknown."""
        name = str(only(HealthCheckRequest, asked.requests).service)
        return Answer(self._states(name in ("", SERVICE), asked))

    def _states(self, ours: bool, asked: Asked) -> Iterator[bytes]:
        state = self._state() if ours else _UNKNOWN
        yield _response(state)
        while asked.waits() and not self._stopped.wait(POLL_S):
            pass
        if state == _SERVING and self._stopped.is_set():
            yield _response(_NOT_SERVING)

    def _state(self) -> int:
        return int(_NOT_SERVING if self._stopped.is_set() else _SERVING)


def _response(state: int) -> bytes:
    return bytes(HealthCheckResponse(status=state).SerializeToString())
