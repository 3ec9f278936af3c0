"""Kills a writer before each line of pool and staging that it executes, and prints what the pool holds after each kill.

A program of its own without torch, since a process that has torch loaded forks fifty times slower.
Usage: python -m tests.exchange.kill_scan FOLDER new|mending
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import dpm_flower.exchange
from dpm_flower.core.errors import PoolError
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.shard import Shard, ShardEntry
from dpm_flower.payload.verified import PROOF, VerifiedRelease

WATCHED = str(Path(dpm_flower.exchange.__file__).parent)
SHARDS = [Shard("a", b"first" * 99), Shard("b", b"second" * 99)]
MANIFEST = SimpleNamespace(sender="entity-b", shards=tuple(ShardEntry.of(shard) for shard in SHARDS))  # all that a pool looks at
RELEASE = VerifiedRelease(MANIFEST, Envelope(b"a manifest", "text/plain", ()), PROOF)


def lines_of(act, deadline=None):
    """Runs `act` -> how many different lines of dpm_flower/exchange it executed; kills this process before line `deadline`."""
    seen = set()

    def trace(frame, event, _):
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        if event == "line" and (line := (frame.f_code.co_filename, frame.f_lineno)) not in seen:
            if len(seen) == deadline:
                os.kill(os.getpid(), signal.SIGKILL)
            seen.add(line)
        return trace

    sys.settrace(trace)
    act()
    sys.settrace(None)
    return len(seen)


def prepared(folder, damaged):
    """A pool without the release, or with a damaged one."""
    pool = Pool(folder)
    if damaged:
        pool.publish(RELEASE, SHARDS)
        (folder / "releases" / RELEASE.digest / "00000.shard").write_bytes(b"damaged")
    return pool


def state(pool):
    """What the pool holds: "nothing", "whole", or what is wrong with it."""
    if not pool.digests():
        return "nothing"
    try:
        pool.check(RELEASE)
    except PoolError as err:
        return str(err).rsplit(": ")[-1]
    return "whole"


def after_kill(folder, damaged, deadline):
    """-> what the pool holds after its writer was killed, what is left in its staging folder, and what it holds once written."""
    pool = prepared(folder, damaged)
    child = os.fork()
    if child == 0:
        lines_of(lambda: pool.publish(RELEASE, SHARDS), deadline)
        os._exit(0)
    signalled = os.WTERMSIG(os.waitpid(child, 0)[1])
    opened = Pool(folder)
    found, left = state(opened), sorted(path.name for path in (folder / "staging").iterdir())
    opened.publish(RELEASE, SHARDS)
    return {"signal": signalled, "found": found, "left": left, "then": state(opened)}


def main(folder, damaged):
    """Prints one JSON list with a result per line that was killed at."""
    os.fsync = lambda _: None  # it is there against loss of power, which a kill is not, and it is slow
    whole = prepared(folder / "whole", damaged)
    lines = lines_of(lambda: whole.publish(RELEASE, SHARDS))
    print(json.dumps([after_kill(folder / str(deadline), damaged, deadline) for deadline in range(lines)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), {"new": False, "mending": True}[sys.argv[2]])
