"""`dpm-flower retention`: a store's folder -> what it holds, the same without what is over, or whether it keeps its word.

What waits in the store's inbox, or was put aside there, is over at some time as well.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dpm_flower.apps.refusal import exit_code
from dpm_flower.core.errors import DpmFlowerError, OutputError, RetentionError
from dpm_flower.data.retention import store_key, verifying
from dpm_flower.data.retention.clock import Clock, MachineClock
from dpm_flower.data.retention.inbox_over import erase_over, over_in
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.layout import ITEMS


def status(folder: Path, clock: Clock | None = None, *, inbox: Callable[[], Path] | None = None) -> int:
    """A store -> the exit code, after a few lines that say what is held, what is over, and how the clock stands.

    With what gives its inbox, or refuses it, also how many files are over there.
    """

    def work() -> None:
        keeping = Keeping(folder, clock or MachineClock())
        with keeping.looking() as turn:
            held, due = turn.state.held.values(), turn.state.due(turn.now)
            images = sum(one.part == ITEMS for one in held)
            print(f"images     {images} held, {turn.state.added} have ever come")
            print(f"made of    {len(held) - images} things made of images")
            print(f"over       {len(due)}" + (": they go at the next purge" if due else ""))
            print(f"next goes  {_said(min((one.expires_at for one in held), default=None))}")
            print(f"the time   {_said(turn.now)}" + (f", the clock is {turn.behind_s} s behind" if turn.behind_s else ""))
            for stuck, why in sorted(turn.state.stuck.items()):
                print(f"not gone   {stuck}: {why}")
            print(f"head       {keeping.ledger.head if keeping.ledger.exists else 'none'}")
        if inbox is not None:
            left = over_in(inbox(), turn)
            print(f"inbox      {left.files} files are over" + (": they go at the next purge that names it" if left.files else ""))
            if left.failed:
                raise OutputError("; ".join(map(str, left.failed)))

    return exit_code(work)


def purge(folder: Path, *, everything: bool = False, inbox: Callable[[], Path] | None = None, clock: Clock | None = None) -> int:
    """A store -> the exit code, after it was said what went; 1 if anything that had to go could not, with a line for each.

    With what gives its inbox, or refuses it, what is over there goes as well, and never keeps the store's from going.
    """

    def work() -> None:
        keeping = Keeping(folder, clock or MachineClock())
        done = keeping.purge(everything=everything)
        print(f"{done.deleted} deleted, {done.swept} unfinished ones swept, {done.lost} found missing before their time")
        failed = [*done.failed, *(_inbox_purged(keeping, inbox) if inbox is not None else ())]
        if failed:
            raise RetentionError("; ".join(failed))

    return exit_code(work)


def verify(folder: Path, known_heads: Sequence[str], key_file: Path | None, clock: Clock | None = None) -> int:
    """A store, heads noted before, and the key's file -> the exit code, after the ledger's head and a line for all that is wrong."""

    def work() -> None:
        key = store_key.read_key(key_file) if key_file else None
        found = verifying.verify(Keeping(folder, clock or MachineClock()), key, known_heads)
        print(f"{found.head}  {found.held} held, {found.gone} gone")
        for wrong in found.wrong:
            print(wrong)
        if found.wrong:
            raise RetentionError(f"{len(found.wrong)} things are wrong in the store {folder}")

    return exit_code(work)


def _inbox_purged(keeping: Keeping, inbox: Callable[[], Path]) -> list[str]:
    """Says how many files went -> what could not be done, in words."""
    try:
        found = inbox()
        with keeping.turn() as turn:  # whoever takes images in need not wait until they are erased
            pass
        done = erase_over(found, turn)
    except DpmFlowerError as err:
        return [str(err)]
    print(f"{done.files} files of the inbox erased")
    return list(map(str, done.failed))


def _said(at: int | None) -> str:
    return "nothing" if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
