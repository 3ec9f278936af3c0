"""The highest time that a store has seen, in a file: two slots written by turns, in place, so that a full disk takes it too."""

import json
import os
import zlib
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path

from dpm_flower.core.durable import sync_folder
from dpm_flower.core.errors import OutputError, RetentionError
from dpm_flower.data.retention.judgement import Mark

SLOT_BYTES = 256

_number = itemgetter(0)


def read_mark(path: Path) -> Mark | None:
    """The file -> the mark that was written last, or None where none is legible. Raises RetentionError if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise RetentionError(f"cannot read the highest time seen at {path}: {err.strerror}") from err
    try:
        return max(_slots(descriptor), key=_number)[1]
    except OSError as err:
        raise RetentionError(f"cannot read the highest time seen at {path}: {err.strerror}") from err
    finally:
        os.close(descriptor)


def write_mark(path: Path, mark: Mark) -> None:
    """Puts a mark over the older of the two slots; it is on the disk then. Raises OutputError if it cannot be written."""
    try:
        new = not os.path.lexists(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        try:
            slots = _slots(descriptor)
            older = slots.index(min(slots, key=_number))
            os.pwrite(descriptor, _line(max(map(_number, slots)) + 1, mark), older * SLOT_BYTES)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_folder(path.parent)
    except OSError as err:
        raise OutputError(f"cannot write the highest time seen to {path}: {err.strerror}") from err


def _slots(descriptor: int) -> list[tuple[int, Mark | None]]:
    """How many marks had been written with the one in each slot, 0 where none is legible, and the mark."""
    return [_parsed(os.pread(descriptor, SLOT_BYTES, at)) for at in (0, SLOT_BYTES)]


def _line(number: int, mark: Mark) -> bytes:
    line = json.dumps({"number": number} | asdict(mark)).encode()
    return (b"%s %08x" % (line, zlib.crc32(line))).ljust(SLOT_BYTES)


def _parsed(slot: bytes) -> tuple[int, Mark | None]:
    line, _, crc = slot.rstrip().rpartition(b" ")
    if not line or crc != b"%08x" % zlib.crc32(line):
        return 0, None
    plain = json.loads(line)
    return plain.pop("number"), Mark(**plain)
