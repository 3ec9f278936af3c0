"""Deleting from a store, for the one who holds its lock: what goes is erased first and written down after that (see ledger.py)."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.errors import OutputError
from dpm_flower.core.hash_chain import Details
from dpm_flower.data.retention import layout
from dpm_flower.data.retention.erasing import How, erase
from dpm_flower.data.retention.layout import DERIVED, ITEMS, Name
from dpm_flower.data.retention.ledger import Ledger
from dpm_flower.data.retention.ledger_state import Event, Held

PARTS = (ITEMS, DERIVED)
CANNOT = (OSError, RecursionError)  # the latter of folders in folders, a thousand deep


@dataclass(frozen=True, slots=True)
class Purged:
    """How many things went because they were over or ordered to, were begun by killed processes, were found gone before their time;
    and, in words, what could not be done.
    """

    deleted: int = 0
    swept: int = 0
    lost: int = 0
    failed: tuple[str, ...] = ()

    def __add__(self, other: "Purged") -> "Purged":
        return Purged(self.deleted + other.deleted, self.swept + other.swept, self.lost + other.lost, self.failed + other.failed)


def delete(folder: Path, ledger: Ledger, going: Sequence[Held], now: int) -> Purged:
    """A store, what goes, and the second that counts -> the same without it, and an entry for each thing that went.

    What cannot be deleted is told and stays refused to readers. Where the disk takes no entry, the files go all the same, and the
    next one who looks writes it.
    """
    if not going:
        return Purged()
    gone, failed, happened = 0, list[str](), list[tuple[Event, Details]]()
    stuck = ledger.state().stuck
    for held in going:
        reason = "expired" if held.expires_at <= now else "ordered"
        told: Details = {"id": held.id, "part": held.part, "expires_at": held.expires_at, "digest": held.digest, "reason": reason}
        try:
            how = _erased(folder, held)
        except CANNOT as err:
            why = _why(err)
            failed.append(f"cannot delete {folder / held.part / str(held.name)}: {why}")
            if stuck.get(held.id) != why:
                happened.append(("not-deleted", {"id": held.id, "reason": why}))
            continue
        gone += 1
        happened.append(("deleted", {**told, "how": how}))
        if how == "linked elsewhere":
            failed.append(f"{held.part}/{held.name} had another name elsewhere: it is gone here, and its bytes are still there")
    return Purged(deleted=gone, failed=(*failed, *_synced(folder), *_written(ledger, happened)))


def tidy(folder: Path, ledger: Ledger) -> Purged:
    """A store -> the same without what no entry tells of, and with an entry for each thing that is not there any more."""
    swept, failed, happened = 0, list[str](), list[tuple[Event, Details]]()
    for part in PARTS:
        held = ledger.state().of_part(part)
        with layout.opened(folder, part) as place:
            names = set(os.listdir(place))
        for name in sorted(names - held.keys()):
            try:
                how = _erase_in(folder, part, name)
            except CANNOT as err:
                failed.append(f"cannot delete {folder / part / name}: {_why(err)}")
                continue
            swept += 1
            happened.append(("swept", {"part": part, "how": how}))  # no name: this store may not have given it
        happened += [("lost", {"id": one.id, "part": part, "digest": one.digest}) for name, one in held.items() if name not in names]
    lost = sum(event == "lost" for event, _ in happened)
    return Purged(0, swept, lost, (*failed, *(_synced(folder) if swept else ()), *_written(ledger, happened)))


def by_names(folder: Path, now: int | None) -> Purged:
    """A store whose ledger is of no use -> the same without what is over by its own name; without anything where `now` is None."""
    deleted, failed = 0, list[str]()
    for part in PARTS:
        with layout.opened(folder, part) as place:
            names = sorted(os.listdir(place))
        for text in names:
            name = Name.parse(text)
            if now is not None and (name is None or name.expires_at > now):
                continue
            try:
                _erase_in(folder, part, text)
                deleted += 1
            except CANNOT as err:
                failed.append(f"cannot delete {folder / part / text}: {_why(err)}")
    return Purged(deleted, failed=(*failed, *_synced(folder)))


def _erased(folder: Path, held: Held) -> How | str:
    try:
        return _erase_in(folder, held.part, str(held.name))
    except FileNotFoundError:
        return "found gone"  # erased by one who was killed before the entry, or removed by somebody else


def _erase_in(folder: Path, part: str, name: str) -> How:
    with layout.opened(folder, part) as place:
        return erase(name, place)


def _synced(folder: Path) -> list[str]:
    """Makes the names that went stay gone after a loss of power -> what failed, in words."""
    failed = []
    for part in PARTS:
        try:
            with layout.opened(folder, part) as place:
                os.fsync(place)
        except OSError as err:
            failed.append(f"cannot make the deletions in {folder / part} last: {_why(err)}")
    return failed


def _written(ledger: Ledger, happened: Collection[tuple[Event, Details]]) -> list[str]:
    try:
        ledger.append_all(list(happened))
    except OutputError as err:
        return [str(err)]
    return []


def _why(err: BaseException) -> str:
    return (err.strerror if isinstance(err, OSError) else None) or type(err).__name__
