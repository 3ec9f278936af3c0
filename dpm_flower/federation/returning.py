"""Nodes that are gone -> those that are back, whatever the SuperLink that is asked about them does meanwhile."""

import time
from collections.abc import Mapping

from flwr.serverapp import Grid

from dpm_flower.core.errors import PeerError
from dpm_flower.federation.replies import MAX_BACKOFF_S, MAX_FAILURES, POLL_S


def first_back(grid: Grid, until: Mapping[int, float], poll_s: float = POLL_S) -> set[int]:
    """Nodes that are gone, and until when (time.monotonic) each is waited for -> those that are back, as soon as there are any.

    At least one look is taken. An empty set says that the last time is over. A look that fails tells nothing, and is repeated after a
    growing pause. Raises PeerError if looks keep failing.
    """
    last = max(until.values())
    failures = 0
    while True:
        pause_s = poll_s
        try:
            back = until.keys() & set(grid.get_node_ids())
            failures = 0
        except Exception as err:  # each grid raises errors of its own transport
            back = set()
            failures += 1
            if failures >= MAX_FAILURES:
                raise PeerError(f"{failures} questions in a row for the nodes that are there failed: {err}") from err
            pause_s = min(MAX_BACKOFF_S, poll_s * 2**failures)
        if back or (not failures and time.monotonic() >= last):
            return back
        time.sleep(pause_s)
