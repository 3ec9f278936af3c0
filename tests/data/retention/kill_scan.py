"""Kills a process before each step that changes a disk, and prints what the store holds after each kill, once it runs again.

A program of its own without torch, since a process that has torch loaded forks fifty times slower.
Usage: python -m tests.data.retention.kill_scan FOLDER CASE
"""

import json
import os
import signal
import sys
from pathlib import Path

from dpm_flower.core.errors import DpmFlowerError
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.data.retention.verifying import verify
from tests.data.retention.fakes import BEGIN, DAY, FakeClock, content, decoded, found_in

STEPS = ("open", "pwrite", "ftruncate", "fsync", "unlink", "mkdir", "rmdir", "link", "replace")
POLICY = RetentionPolicy(ttl_s=DAY)
OLD, NEW = 1, 2  # of the numbers of images, the one that is over in the cases that purge, and another


def opened(folder, clock):
    return RetentionStore.open(folder / "store", POLICY, clock)


def add(folder, store, number, arrived_at):
    """Adds an image and says so, outside the store, once it is told that it is there."""
    item = store.add(content(number), arrived_at, {"number": number})
    (folder / f"added-{number}").write_text(item)
    return item


def derive(store, item, number):
    made = store.derive([item])
    (made.folder / "features").mkdir()
    (made.folder / "features" / "rows").write_bytes(decoded(number))


def empty(folder, clock):
    pass


def filled(folder, clock):
    """Two images with what was made of them, of which the first is over in an hour."""
    store = opened(folder, clock)
    derive(store, add(folder, store, OLD, BEGIN - DAY + 3600), OLD)
    derive(store, add(folder, store, NEW, BEGIN), NEW)


def over(folder, clock):
    filled(folder, clock)
    clock.advance(3600)


def damaged(folder, clock):
    over(folder, clock)
    ledger = folder / "store" / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes().replace(b'"arrived_at"', b'"Arrived_at"', 1))


def adding(folder, clock):
    store = opened(folder, clock)
    add(folder, store, NEW, BEGIN)


def deriving(folder, clock):
    store = opened(folder, clock)
    derive(store, store.items()[0].id, OLD)


def exporting(folder, clock):
    store = opened(folder, clock)
    store.export(store.items()[0].id, folder / "exported")


def emptying(folder, clock):
    Keeping(folder / "store", clock).purge(everything=True)


CASES = {  # what lies there before -> what is killed
    "opening": (empty, opened),
    "adding": (empty, adding),
    "deriving": (filled, deriving),
    "exporting": (filled, exporting),
    "purging": (over, opened),
    "damaged": (damaged, opened),
    "emptying": (filled, emptying),
}


def steps_of(act, deadline=None):
    """Runs `act` -> how many steps it took; kills this process before step `deadline`."""
    done = 0

    def counted(real):
        def step(*arguments, **options):
            nonlocal done
            if done == deadline:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            return real(*arguments, **options)

        return step

    real = {name: getattr(os, name) for name in STEPS}
    for name, function in real.items():
        setattr(os, name, counted(function))
    try:
        act()
    except DpmFlowerError:
        pass
    finally:
        for name, function in real.items():
            setattr(os, name, function)
    return done


def look(folder, clock):
    """Opens the store again at the clock's time -> which images are readable, which have left traces, and what is found wrong."""
    readable, wrong = [], []
    try:
        store = opened(folder, clock)
        for held in store.items():
            item = store.read(held.id)
            assert item.content == content(item.labels["number"])
            readable.append(item.labels["number"])
        wrong = list(verify(Keeping(folder / "store", clock)).wrong)
    except DpmFlowerError as err:
        wrong = [str(err)]
    traces = [number for number in (OLD, NEW) if found_in(folder / "store", number)]
    return {"readable": sorted(readable), "traces": traces, "wrong": wrong}


def after_kill(folder, case, deadline):
    """-> what the store holds after a kill, at once and when everything is over; which images had been acknowledged."""
    before, act = CASES[case]
    clock = FakeClock()
    folder.mkdir()
    before(folder, clock)
    child = os.fork()
    if child == 0:
        steps_of(lambda: act(folder, clock), deadline)
        os._exit(0)
    signalled = os.WTERMSIG(os.waitpid(child, 0)[1])
    exported = [path.read_bytes() == content(OLD) for path in folder.glob("exported")]
    added = [number for number in (OLD, NEW) if (folder / f"added-{number}").exists()]
    at_once = look(folder, clock)
    clock.advance(DAY)
    return {"signal": signalled, "added": added, "exported": exported, "at_once": at_once, "later": look(folder, clock)}


def main(folder, case):
    """Prints one JSON list with a result per step that was killed at."""
    before, act = CASES[case]
    whole, clock = folder / "whole", FakeClock()
    whole.mkdir()
    before(whole, clock)
    steps = steps_of(lambda: act(whole, clock))
    print(json.dumps([after_kill(folder / str(deadline), case, deadline) for deadline in range(steps)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
