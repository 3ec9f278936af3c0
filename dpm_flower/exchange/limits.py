"""What one peer may ask of this exchange: calls and bytes per second, and calls at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TypeAlias

from dpm_flower.core.above_zero import check_above_zero
from dpm_flower.core.errors import PeerError

Spend: TypeAlias = Callable[[int], None]  # bytes that were sent or taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits for each peer. Rates are averages: a peer that was quiet may use up to `calls` or `bytes` at once.

    A call that has begun is never slowed down. What it sends beyond the peer's bytes is owed, and new calls wait until it is paid.
    Raises SettingError for what is not above zero.
    """

    calls_per_s: float = 100.0
    calls: int = 1000
    bytes_per_s: float = 1.25e9  # 10 Gbit/s
    bytes: int = 4 << 30
    calls_at_once: int = 4
    longest_call_s: float = 6 * 3600.0  # 1 GiB at 50 kB/s

    def __post_init__(self) -> None:
        check_above_zero(**asdict(self))


class Bucket:
    """Tokens that come back at `rate` per second, up to `most`; full at first. It can be in debt. Not for several threads."""

    def __init__(self, rate: float, most: float, now: float) -> None:
        self._rate, self._most, self._held, self._then = rate, most, most, now

    def wait_s(self, wanted: float, now: float) -> float:
        """Seconds until `wanted` tokens are here; 0 where they are."""
        self._held, self._then = min(self._most, self._held + self._rate * (now - self._then)), now
        return max(0.0, (wanted - self._held) / self._rate)

    def take(self, tokens: float) -> None:
        """Takes them, whether they are here or not."""
        self._held -= tokens


class Meter:
    """Counts what each peer asks for. One for a whole server, used by all its threads; peers are few, since all are on the roster."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock, self._lock = limits, clock, threading.Lock()
        self._calls: dict[str, Bucket] = {}
        self._bytes: dict[str, Bucket] = {}
        self._at_once: dict[str, int] = {}

    @contextmanager
    def call(self, peer: str) -> Iterator[Spend]:
        """One call of this peer, as long as the block lasts -> what counts its bytes. Raises PeerError if that is too much."""
        with self._lock:
            self._enter(peer, self._clock())
        try:
            yield lambda size: self._spend(peer, size)
        finally:
            with self._lock:
                self._at_once[peer] -= 1

    def _enter(self, peer: str, now: float) -> None:
        limits = self._limits
        calls = self._calls.setdefault(peer, Bucket(limits.calls_per_s, limits.calls, now))
        of_bytes = self._bytes.setdefault(peer, Bucket(limits.bytes_per_s, limits.bytes, now))
        if self._at_once.get(peer, 0) >= limits.calls_at_once:
            raise PeerError(f"{peer} may make {limits.calls_at_once} calls at once, got one more")
        if (wait_s := calls.wait_s(1, now)) > 0:
            raise PeerError(f"{peer} may make {limits.calls_per_s:g} calls a second, got more: again in {wait_s:.3g} s")
        if (wait_s := of_bytes.wait_s(0, now)) > 0:
            raise PeerError(f"{peer} may move {limits.bytes_per_s:g} bytes a second, got more: again in {wait_s:.3g} s")
        calls.take(1)
        self._at_once[peer] = self._at_once.get(peer, 0) + 1

    def _spend(self, peer: str, size: int) -> None:
        with self._lock:
            bucket = self._bytes[peer]
            bucket.wait_s(0, self._clock())  # first what came back until now, or a long call would be given it on top
            bucket.take(size)
