"""A process that works with a store until it is killed, and says on its output what it was told: one JSON line for each image.

Usage: python -m tests.data.retention.busy FOLDER SEED FIRST
"""

import json
import random
import sys
from itertools import count
from pathlib import Path

from dpm_flower.core.errors import GoneError
from dpm_flower.data.retention.high_water import read_mark
from dpm_flower.data.retention.layout import MARK
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.store import RetentionStore
from tests.data.retention.fakes import BEGIN, DAY, SteppingClock, content, decoded

POLICY = RetentionPolicy(ttl_s=DAY, warm_up_ttl_s=3 * DAY, warm_up_items=10)


def work(store, clock, rng, numbers):
    """One image comes, something is made of one that is there, all are read, sometimes one is exported."""
    number = next(numbers)
    arrived_at = int(clock.wall_s)
    item = store.add(content(number), arrived_at, {"number": number})
    print(json.dumps({"number": number, "item": item, "arrived_at": arrived_at}), flush=True)
    held = rng.choice(store.items())
    source = store.read(held.id)
    made = store.derive([held.id])
    (made.folder / "cache").write_bytes(decoded(source.labels["number"]))
    if rng.random() < 0.2:
        store.purge()


def highest_time(folder):
    """Where the clock of the one before stood when it was killed, as the store knows it."""
    mark = read_mark(folder / MARK)
    return float(BEGIN) if mark is None else mark.highest_s


def main(folder, seed, first):
    clock, rng, numbers = SteppingClock(highest_time(folder), DAY / 60), random.Random(seed), count(first)
    store = RetentionStore.open(folder, POLICY, clock)
    print("ready", flush=True)
    while True:
        try:
            work(store, clock, rng, numbers)
        except (GoneError, IndexError, FileNotFoundError):  # over in the middle of the work, which goes fast here
            continue


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
