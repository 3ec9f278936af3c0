"""Deletion on time while a program runs that has a store open and may not call it for hours, as in training."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dpm_flower.core.errors import DpmFlowerError
from dpm_flower.data.retention.store import RetentionStore

LONGEST_WAIT_S = 60.0  # between two looks: another process may have added what goes sooner, and the clock may leap


@contextmanager
def deleting_on_time(
    store: RetentionStore, told: Callable[[str], None], wait_s: float = LONGEST_WAIT_S, also: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """A block during which a thread purges the store every `wait_s` seconds, and once more at its end, and calls `also` after that.

    What could not be deleted, and why the store could not be looked at, is `told` in words, from that thread; it looks again after
    the next wait.
    """
    ended = threading.Event()

    def look() -> None:
        try:
            for failure in store.purge().failed:
                told(failure)
            also()
        except (DpmFlowerError, OSError) as err:
            told(str(err))

    def work() -> None:
        while not ended.wait(wait_s):
            look()

    thread = threading.Thread(target=work, name="retention", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        look()
