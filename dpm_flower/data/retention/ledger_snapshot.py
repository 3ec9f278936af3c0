"""What a store held at one entry of its ledger, in a file, so that nobody has to read years of entries for what goes today.

It saves time and proves nothing: `verify` reads the whole ledger and compares. One that does not fit the ledger is passed over.
"""

import json
import zlib
from dataclasses import astuple
from pathlib import Path

from dpm_flower.core.chain_file import Place
from dpm_flower.core.whole_file import whole_file
from dpm_flower.data.retention.layout import DERIVED, FILE_MODE, ITEMS, Name
from dpm_flower.data.retention.ledger_state import Held, LedgerState


def write_snapshot(path: Path, place: Place, state: LedgerState) -> None:
    """The state after the entry at a place -> the file. Raises OutputError if it cannot be written."""
    plain = {
        "place": astuple(place),
        "held": [(*astuple(one.name), one.part, one.arrived_at, one.digest, one.labels_digest) for one in state.held.values()],
        "added": state.added,
        "policy": dict(state.policy),
        "behind_s": state.behind_s,
        "ordered": sorted(state.ordered),
        "stuck": state.stuck,
        "last_at": state.last_at,
    }
    line = json.dumps(plain).encode()
    with whole_file(path) as partial:
        partial.touch(FILE_MODE)
        partial.write_bytes(b"%08x %s" % (zlib.crc32(line), line))


def read_snapshot(path: Path) -> tuple[Place, LedgerState] | None:
    """The file -> a place and the state after its entry, or None where there is none that is as it was written."""
    try:
        crc, _, line = path.read_bytes().partition(b" ")
        if crc != b"%08x" % zlib.crc32(line):
            return None
        plain = json.loads(line)
        held = [
            Held(Name(expires_at, item), DERIVED if part == DERIVED else ITEMS, arrived_at, digest, labels_digest)
            for expires_at, item, part, arrived_at, digest, labels_digest in plain["held"]
        ]
        state = LedgerState(
            held={one.id: one for one in held},
            added=plain["added"],
            policy=plain["policy"],
            behind_s=plain["behind_s"],
            ordered=set(plain["ordered"]),
            stuck=plain["stuck"],
            last_at=plain["last_at"],
        )
        return Place(*plain["place"]), state
    except (OSError, ValueError, LookupError, TypeError):
        return None
