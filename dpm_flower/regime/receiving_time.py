"""How long one message may wait for peers' releases: a phase's time, and how many are waited for -> each one's share."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PART = 0.5  # of the phase's time; the other half is there to train on what came, and to answer


class ReceivingTime:
    """The time for the releases of one message, of which only that is counted which `counted` blocks take.

    Each release may take an equal share of what is left, so that slow senders, however early their names come, leave theirs to the
    others; what a fast one leaves is everybody's who comes after.
    """

    def __init__(self, phase_timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.allowed_s = PART * phase_timeout_s
        self._left_s, self._clock = self.allowed_s, clock

    @property
    def is_over(self) -> bool:
        """Whether nothing is left for anybody."""
        return self._left_s <= 0

    def share_s(self, still: int) -> float:
        """How many releases are still to come -> the seconds that the next of them may take; not above zero when it is over."""
        return self._left_s / still

    @contextmanager
    def counted(self) -> Iterator[None]:
        """What the block takes is gone, however it ends."""
        began = self._clock()
        try:
            yield
        finally:
            self._left_s -= self._clock() - began
