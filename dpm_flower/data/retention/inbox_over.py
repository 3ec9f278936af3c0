"""What of an inbox is over, by the time of its store: files that wait, are hidden or were put aside -> how many, or none of them.

They are images as well, and may be kept no longer than those in the store. No link is followed, and no error names a file.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dpm_flower.core.errors import OutputError, SettingError
from dpm_flower.data.retention.inbox import Entry, collected, entries_of
from dpm_flower.data.retention.inbox_files import files_in
from dpm_flower.data.retention.keeping import Turn
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.rejected import clear, erase_file, of_age


@dataclass(slots=True)
class InboxOver:
    """How many files are over, or were and have been erased; and what could not be looked at or erased."""

    files: int = 0
    failed: list[OutputError] = field(default_factory=list)


def over_in(inbox: Path, turn: Turn) -> InboxOver:
    """An inbox and how its store stands -> what is over, which stays.

    What waits is over when the store would not take it any more: while it still takes images of the warm-up, that is their time. What
    is hidden or was put aside is over when it is as old as other images become. Raises RetentionError where the store says of neither.
    """
    before_s, done = turn.now - RetentionPolicy.told(turn.state.policy).ttl_s, InboxOver()
    with collected(done.failed):
        done.files += of_age(inbox, before_s)
    done.files += sum(1 for _ in _over(inbox, turn, before_s, done))
    return done


def erase_over(inbox: Path, turn: Turn) -> InboxOver:
    """An inbox and how its store stands -> what is over, see `over_in`, and has been erased.

    Raises RetentionError also where nobody knows how late it is.
    """
    if not turn.mark.sure:
        turn.check_time()
    before_s, done = turn.now - RetentionPolicy.told(turn.state.policy).ttl_s, InboxOver()
    with collected(done.failed):
        done.files += clear(inbox, before_s)
    for path in _over(inbox, turn, before_s, done):
        with collected(done.failed):
            erase_file(path)
            done.files += 1
    return done


def _over(inbox: Path, turn: Turn, before_s: int, done: InboxOver) -> Iterator[Path]:
    """Of what waits and what is hidden, each looked at when it is asked for; what cannot be looked at is `done`'s.

    A file's time is that of the wall clock: where this is behind, what may still have time waits on, as the store refuses it too.
    """
    policy, found, until_s = RetentionPolicy.told(turn.state.policy), files_in(inbox), turn.now - turn.behind_s
    done.failed += found.failed
    yield from _due(inbox, entries_of(found.came), lambda came: policy.expires_at(came, turn.state.added) <= until_s, done)
    yield from _due(inbox, (Entry((path,), None) for path in found.hidden), lambda came: came <= before_s, done)


def _due(inbox: Path, entries: Iterable[Entry], is_over: Callable[[int], bool], done: InboxOver) -> Iterator[Path]:
    """Of those that came too long ago all files; who erases them meanwhile erases nothing that came since."""
    for entry in entries:
        try:
            due = is_over(entry.came_at)
        except (FileNotFoundError, SettingError):
            continue  # whoever writes here is at work on it; or its time is beyond all that can be written down
        except OSError as err:
            done.failed.append(OutputError(f"cannot look at a file of the inbox {inbox}: {err.strerror}"))
            continue
        if due:
            yield from entry.files
