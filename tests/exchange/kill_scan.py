"""Kills a process before each line of pool, index, log and tombstones that it executes, and prints what the pool holds after each kill.

A program of its own without torch, since a process that has torch loaded forks fifty times slower.
Usage: python -m tests.exchange.kill_scan FOLDER new|mending|withdrawing|rebuilding|opening
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import dpm_flower
from dpm_flower.core.errors import PoolError
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.shard import Shard, ShardEntry
from dpm_flower.payload.verified import PROOF, AuthenticRelease

WATCHED = tuple(str(Path(dpm_flower.__file__).parent / name) for name in ("exchange", "core/whole_file.py", "core/chain_file.py"))
# these only compute, read and delegate: whoever is killed there is killed before what comes next
PURE = ("claim.py", "layout.py", "listing.py", "pool.py", "rebuilding.py", "stored.py", "stream.py")
SHARDS = [Shard("a", b"first" * 99), Shard("b", b"second" * 99)]
ENTRIES = tuple(ShardEntry.of(shard) for shard in SHARDS)
SAID = {
    "sender": "entity-b",
    "campaign": "c",
    "sequence": 1,
    "round": 1,
    "method": "DPM",
    "samples": 9,
    "made_at": 10,
    "expires_at": 20,
    "recipients": [],
    "shards": [{"name": entry.name, "sha256": entry.sha256, "size_bytes": entry.size_bytes} for entry in ENTRIES],
}
MANIFEST = SimpleNamespace(sender="entity-b", shards=ENTRIES)  # all that a pool looks at before it reads the payload
RELEASE = AuthenticRelease(MANIFEST, Envelope(json.dumps(SAID).encode(), "text/plain", ()), PROOF)


def release_folder(folder):
    return folder / "releases" / RELEASE.digest


def published(folder):
    pool = Pool(folder)
    pool.publish(RELEASE, SHARDS)
    return pool


def damaged(folder):
    pool = published(folder)
    (release_folder(folder) / "00000.shard").write_bytes(b"damaged")
    return pool


def without_index(folder):
    published(folder)
    (folder / "index.sqlite").write_bytes(b"no index" * 99)
    return folder


def withdrawn_but_there(folder):
    """As one leaves it who is killed right after writing the tombstone."""
    pool = published(folder)
    kept = {path: path.read_bytes() for path in [*release_folder(folder).iterdir(), folder / "index.sqlite"]}
    pool.withdraw(RELEASE.digest, "a mistake")
    release_folder(folder).mkdir()
    for path, data in kept.items():
        path.write_bytes(data)
    return folder


CASES = {  # what lies there before -> what is killed
    "new": (Pool, lambda pool: pool.publish(RELEASE, SHARDS)),
    "mending": (damaged, lambda pool: pool.publish(RELEASE, SHARDS)),
    "withdrawing": (published, lambda pool: pool.withdraw(RELEASE.digest, "a mistake")),
    "rebuilding": (without_index, Pool),
    "opening": (withdrawn_but_there, Pool),
}


def lines_of(act, deadline=None):
    """Runs `act` -> how many different lines of the watched folders it executed; kills this process before line `deadline`."""
    seen = set()

    def trace(frame, event, _):
        if not frame.f_code.co_filename.startswith(WATCHED) or frame.f_code.co_filename.endswith(PURE):
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


def state(pool, folder):
    """What the index says, and what lies in the folder: "nothing", "whole", or "damaged"."""
    listed = pool.listing()
    try:
        pool.check(RELEASE)
        lies = "whole"
    except PoolError:
        lies = "damaged" if release_folder(folder).exists() else "nothing"
    return f"{listed[0].state if listed else 'unlisted'}, {lies}"


def after_kill(folder, case, deadline):
    """-> what the pool holds after a kill, what is left in its staging folder, and what it holds once the same was done again."""
    before, act = CASES[case]
    prepared = before(folder)
    child = os.fork()
    if child == 0:
        lines_of(lambda: act(prepared), deadline)
        os._exit(0)
    signalled = os.WTERMSIG(os.waitpid(child, 0)[1])
    pool = Pool(folder)
    found, left = state(pool, folder), sorted(path.name for path in (folder / "staging").iterdir())
    act(prepared)
    pool.audit_log.verify()
    events = [entry.event for entry in pool.audit_log.entries()]
    return {"signal": signalled, "found": found, "left": left, "then": state(pool, folder), "events": events}


def main(folder, case):
    """Prints one JSON list with a result per line that was killed at."""
    os.fsync = lambda _: None  # it is there against loss of power, which a kill is not, and it is slow
    before, act = CASES[case]
    prepared = before(folder / "whole")
    lines = lines_of(lambda: act(prepared))
    print(json.dumps([after_kill(folder / str(deadline), case, deadline) for deadline in range(lines)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
