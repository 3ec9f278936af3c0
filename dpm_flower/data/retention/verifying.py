"""Whether a store keeps its word: folder, ledger and clock -> what is wrong, in words. Changes nothing."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.errors import RetentionError
from dpm_flower.data.retention import layout, store_key
from dpm_flower.data.retention.item_file import Digests, read_item
from dpm_flower.data.retention.keeping import Keeping, Turn
from dpm_flower.data.retention.layout import FILE_MODE, FOLDER_MODE, ITEMS, KEY, OWN, SNAPSHOT, Name
from dpm_flower.data.retention.ledger_state import Held
from dpm_flower.data.retention.purging import PARTS


@dataclass(frozen=True, slots=True)
class Verified:
    """The ledger's head, how many things are held, how many have gone by the ledger, and what is wrong; nothing if all is well."""

    head: str
    held: int
    gone: int
    wrong: tuple[str, ...]


def verify(keeping: Keeping, key: bytes | None = None, known_heads: Sequence[str] = ()) -> Verified:
    """A store, its key (by default the one in its folder), and heads noted before -> what was found.

    The chain is whole and has every known head; all that went, by the whole ledger, is gone; nothing is over and still there; what is held
    is there, as it came, under one name and closed to others; nothing else lies in the folder; the clock can be relied on.
    Raises RetentionError if there is no store or its ledger is damaged.
    """
    with keeping.looking() as turn:
        head = keeping.ledger.verify(known_heads)
        gone = set(keeping.ledger.gone())
        key = key or store_key.read_key(keeping.folder / KEY)
        if turn.state.policy and turn.state.policy["key_check"] != store_key.check_value(key):
            raise RetentionError(f"the key is not that of the store {keeping.folder}")
        wrong = [
            *([] if keeping.ledger.replayed() == turn.state else [f"{SNAPSHOT} does not say what the ledger says: remove it"]),
            *_of_time(turn),
            *_strangers(keeping.folder, turn, gone),
            *(fault for held in turn.state.held.values() for fault in _of_held(keeping.folder, held, key)),
        ]
    return Verified(head, len(turn.state.held), len(gone), tuple(wrong))


def _of_time(turn: Turn) -> Iterator[str]:
    for held in turn.state.due(turn.now):
        yield f"{held.part}/{held.name} has been over for {turn.now - held.expires_at} s and is still held: purge"
    if turn.behind_s:
        yield f"the clock is {turn.behind_s} s behind the highest time seen" + ("" if turn.mark.sure else "; nobody knows how late it is")


def _strangers(folder: Path, turn: Turn, gone: set[str]) -> Iterator[str]:
    """What lies in the folder and should not, and what others may read."""
    for name in sorted(set(os.listdir(folder)) - OWN):
        yield f"{name!a} lies in the store and is none of its own"
    for name in sorted(set(os.listdir(folder)) & OWN):
        yield from _open_to_others(folder, name)
    for part in PARTS:
        held = turn.state.of_part(part)
        for text in sorted(set(os.listdir(folder / part)) - held.keys()):
            called = Name.parse(text)
            went = called is not None and called.id in gone
            yield f"{part}/{text!a} " + ("is gone by the ledger and still there: purge" if went else "is unknown to the ledger: purge")


def _of_held(folder: Path, held: Held, key: bytes) -> Iterator[str]:
    where = f"{held.part}/{held.name}"
    try:
        yield from _open_to_others(folder, where)
        if held.part != ITEMS:
            return
        with layout.opened(folder, ITEMS) as place:
            line, content = read_item(str(held.name), place)
    except FileNotFoundError:
        yield f"{where} is not there, and the ledger tells of no deletion"
    except OSError as err:
        yield f"{where} cannot be read: {err.strerror}"
    except RetentionError as err:
        yield str(err)
    else:
        if Digests.of(key, held.id, content, line) != Digests(held.digest, held.labels_digest):
            yield f"{where} is not as it came: it was changed or damaged"


def _open_to_others(folder: Path, where: str) -> Iterator[str]:
    mode = os.stat(folder / where, follow_symlinks=False).st_mode
    wanted = FOLDER_MODE if stat.S_ISDIR(mode) else FILE_MODE
    if stat.S_ISLNK(mode):
        yield f"{where} is a link"
    elif stat.S_IMODE(mode) & ~wanted:
        yield f"{where} is open to others: mode {stat.S_IMODE(mode):o}"
