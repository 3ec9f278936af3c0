"""The nodes that a SuperLink knows, until there are those that somebody waits for, whatever the SuperLink does meanwhile."""

import logging
import time
from collections.abc import Callable, Mapping

from flwr.serverapp import Grid

from dpm_flower.core.errors import PeerError
from dpm_flower.federation.replies import MAX_BACKOFF_S, MAX_FAILURES, POLL_S

log = logging.getLogger("flwr")


def first_back(grid: Grid, until: Mapping[int, float], poll_s: float = POLL_S) -> set[int]:
    """Nodes that are gone, and until when (time.monotonic) each is waited for -> those that are back, as soon as there are any.

    An empty set says that the last time is over. Looks and raises as `awaited`.
    """
    return until.keys() & awaited(grid, lambda there: bool(until.keys() & there), max(until.values()), poll_s)


def awaited(grid: Grid, enough: Callable[[set[int]], bool], until: float, poll_s: float = POLL_S) -> set[int]:
    """Which nodes are enough, and until when (time.monotonic) they are waited for -> those that are there then.

    At least one look is taken. A look that fails tells nothing, and is repeated after a growing pause. Raises PeerError if looks keep
    failing.
    """
    failures = 0
    while True:
        try:
            there = set(grid.get_node_ids())
        except Exception as err:  # each grid raises errors of its own transport
            failures += 1
            log.warning("the nodes that are there cannot be told at this moment: %s", err)
            if failures >= MAX_FAILURES:
                raise PeerError(f"{failures} questions in a row for the nodes that are there failed: {err}") from err
            time.sleep(min(MAX_BACKOFF_S, poll_s * 2**failures))
            continue
        failures = 0
        if enough(there) or time.monotonic() >= until:
            return there
        time.sleep(poll_s)
