"""Where what stays of a site's days lies: how far they are, the networks, the present decider, kept releases, and the report."""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from dpm_flower.core.errors import OutputError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.regime.intake_log import IntakeLog
from dpm_flower.training.private_folder import make_private


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDay:
    """A day that is being worked on: when it ended (seconds since 1970 UTC), how many of its `steps` are done, and what came of them.

    `items` are the ids of its images, in the order in which they are learnt from, and `derived` the name of the folder in the store
    for all that is made of them; `unused` images cannot be learnt from, and `released` are as many as the release was made of.
    `reason` says why there is no release or no refinement, and what else did not go as usual.
    """

    ended_at: int
    steps: int = 0
    items: tuple[str, ...] = ()
    derived: str = ""
    gone_at: int = 0
    taken: int = 0
    rejected: int = 0
    over: int = 0
    unused: int = 0
    undeleted: int = 0
    release: str = ""
    released: int = 0
    figures: dict[str, float] | None = None
    refined: bool = False
    unread: int = 0
    before: float | None = None
    after: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """How far a site's days are: the last one that is done (0 before the first), when it ended, and which day's decider is in force.

    `settled` are ids of images in the store that no later day looks at, `waiting` of those that were too few. `networks` is the digest of
    the public networks, empty before there are any, `classes` are the names behind the class numbers, and `size` is the images' height
    and width, empty where it was not written down.
    """

    ended_at: int
    number: int = 0
    decider: int = 0
    unrefined: int = 0
    networks: str = ""
    classes: tuple[str, ...] = ()
    size: tuple[int, ...] = ()
    settled: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    day: OpenDay | None = None

    @property
    def at_work(self) -> int:
        """The number of the day that is open, or of the next one."""
        return self.number + 1

    @property
    def collecting(self) -> int:
        """The number of the day to which the files belong that come now."""
        return self.number + (1 if self.day is None else 2)

    def with_day(self, **changes: Any) -> "Days":
        """The same with other values in the open day."""
        assert self.day is not None
        return replace(self, day=replace(self.day, **changes))


@dataclass(frozen=True, slots=True)
class DaysFolder:
    """Paths below one private folder. Nothing here was made of single images but the kept releases, which the gate let pass."""

    folder: Path

    @property
    def networks(self) -> Path:
        """The public networks, where they were trained here."""
        return self.folder / "networks.safetensors"

    @property
    def kept(self) -> Path:
        """The pool of kept releases."""
        return self.folder / "kept"

    @property
    def report(self) -> Path:
        """A line of JSON for each day."""
        return self.folder / "days.jsonl"

    @property
    def deciders(self) -> Path:
        """The folder of the refined deciders: that in force, and that which the present day makes."""
        return self.folder / "deciders"

    def decider(self, number: int) -> Path:
        """The decider that a day refined."""
        return self.deciders / f"{number:06d}.safetensors"

    def intake(self, number: int) -> IntakeLog:
        """What came for a day."""
        return IntakeLog(self.folder / f"intake-{number:06d}.log")

    def read(self) -> Days | None:
        """How far the days are; None before the first. Raises OutputError for a file that is damaged."""
        path = self._state
        try:
            found = json.loads(path.read_text())
            day = found.pop("day")
            return Days(**_tuples(Days, found), day=OpenDay(**_tuples(OpenDay, day)) if day is not None else None)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as err:
            raise OutputError(f"{path}, which says how far this inbox is, is damaged: {err}") from err

    def write(self, days: Days) -> Days:
        """Writes down how far the days are, in one step -> the same. Raises OutputError."""
        make_private(self.folder)
        with whole_file(self._state) as partial:
            partial.touch(0o600)
            partial.write_text(json.dumps(asdict(days)))
        return days

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"


def _tuples(kind: type[Days] | type[OpenDay], plain: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists -> tuples; raises TypeError for keys that the kind does not have."""
    if strange := plain.keys() - {one.name for one in fields(kind)}:
        raise TypeError(f"unknown keys {', '.join(sorted(strange))}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
