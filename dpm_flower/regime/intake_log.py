"""What became of the files of an inbox until a day ended: written as it happens, and counted once however often it was done again.

A process that is killed does its last file again. No name of a file is kept, since names tell of whom an image is.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.errors import OutputError
from dpm_flower.data.retention.inbox import Outcome
from dpm_flower.training.private_folder import make_private

_LINE = re.compile(r"(taken|rejected|over) ([0-9a-f]{32}) ([0-9a-f]*)\n")


@dataclass(frozen=True, slots=True)
class Intake:
    """How many files were taken, rejected and over when they were looked at, and the ids of those taken."""

    taken: int
    rejected: int
    over: int
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class IntakeLog:
    """A text file with a line for each file that came. What a killed process has left of a line counts for nothing."""

    path: Path

    def note(self, what: Outcome, name: str, came_at: int, detail: str) -> None:
        """A `Note` of data/retention/inbox.py. Raises OutputError where the disk does not take it."""
        key = hashlib.sha256(f"{name}\0{came_at}".encode(errors="surrogateescape")).hexdigest()[:32]
        line = f"{what} {key} {detail if what == 'taken' else ''}\n".encode()
        make_private(self.path.parent)
        try:
            with self.path.open("ab+") as file:
                if file.tell():
                    file.seek(-1, 2)
                    line = line if file.read() == b"\n" else b"\n" + line  # after what a killed process or a full disk has cut off
                file.write(line)
        except OSError as err:
            raise OutputError(f"cannot write {self.path}: {err.strerror}") from err

    def read(self) -> Intake:
        """What was noted; nothing where there is no file. Raises OutputError where it cannot be read."""
        try:
            text = self.path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            text = ""
        except OSError as err:
            raise OutputError(f"cannot read {self.path}: {err.strerror}") from err
        found = {line[2]: (line[1], line[3]) for each in text.splitlines(keepends=True) if (line := _LINE.fullmatch(each))}
        counts = Counter(what for what, _ in found.values())
        return Intake(counts["taken"], counts["rejected"], counts["over"], frozenset(item for _, item in found.values() if item))
