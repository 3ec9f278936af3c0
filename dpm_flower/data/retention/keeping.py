"""One store's folder, clock and ledger: turns, in each of which one process is alone with them, and what is over goes first."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import OutputError, RetentionError, StudyError
from dpm_flower.core.whole_file import sweep
from dpm_flower.data.retention import layout, purging
from dpm_flower.data.retention.clock import Clock
from dpm_flower.data.retention.high_water import read_mark, write_mark
from dpm_flower.data.retention.judgement import TOLERANCE_S, Mark, behind_s, judged
from dpm_flower.data.retention.ledger import Ledger
from dpm_flower.data.retention.ledger_state import Held, LedgerState
from dpm_flower.data.retention.purging import Purged

WAIT_S = 60.0  # for another process's turn: adding an image takes milliseconds, overwriting a large checkpoint many seconds


@dataclass(frozen=True, slots=True)
class Turn:
    """The state of the ledger, the time that counts, how far the clock is behind it, and what the purge did with which the turn began."""

    state: LedgerState
    mark: Mark
    behind_s: int
    purged: Purged
    unwritten: OutputError | None  # the time could not be written down: it might be forgotten

    @property
    def now(self) -> int:
        """The second that counts."""
        return self.mark.now

    def check_time(self) -> None:
        """For whoever takes something in or out.

        Raises RetentionError where nobody knows how late it is, OutputError where the time could not be written down.
        """
        if not self.mark.sure:
            raise RetentionError(
                f"the clock is {self.behind_s} s behind the highest time that this store has seen, and the machine was started anew "
                "meanwhile: nobody knows how late it is. Set the clock right; until then nothing is read or taken in"
            )
        if self.unwritten is not None:
            raise self.unwritten


class Keeping:
    """The store in an existing folder. Several of them, in threads or processes, take turns."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self._now = 0
        self.ledger = Ledger(folder, lambda: self._now)

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Alone with the store while the block lasts, after what is over has gone.

        Raises RetentionError if no store lies here, another process does not let go of it, or its ledger is damaged; what is over
        by its own name has gone then all the same, and nothing else.
        """
        with self._alone():
            mark, behind, unwritten = self.judge()
            try:
                state = self._state()
            except RetentionError as err:
                done = purging.by_names(self.folder, mark.now)
                left = "".join(f"; {failure}" for failure in done.failed)
                raise RetentionError(f"{err}; {done.deleted} things that were over by their names were deleted{left}") from err
            unwritten = unwritten or self._tell_of_clock(state, behind, mark)
            purged = purging.delete(self.folder, self.ledger, state.due(mark.now), mark.now)
            yield Turn(state, mark, behind, purged, unwritten)

    @contextmanager
    def looking(self) -> Iterator[Turn]:
        """As `turn`, for one who changes nothing: what is over stays, and the time is not written down."""
        with self._alone():
            instant = self.clock.now()
            state = self._state()
            mark = self._judged(instant.wall_s, judged(read_mark(self.folder / layout.MARK), instant), state.last_at)
            yield Turn(state, mark, behind_s(mark, instant), Purged(), None)

    def judge(self) -> tuple[Mark, int, OutputError | None]:
        """-> the time that counts, written down before anybody acts on it; how far the clock is behind; and why it was not written.

        For the one whose turn it is.
        """
        instant = self.clock.now()
        try:
            before = read_mark(self.folder / layout.MARK)
        except RetentionError:  # a link, a failing disk: writing it fails as well and is told; what is over must not wait for that
            before = None
        mark = judged(before, instant)
        with suppress(RetentionError):  # a damaged ledger tells no time; whoever needs it says so
            mark = self._judged(instant.wall_s, mark, self._state().last_at)
        self._now = mark.now
        unwritten = None
        if before is None or (before.now, before.boot, before.sure) != (mark.now, mark.boot, mark.sure):
            try:
                write_mark(self.folder / layout.MARK, mark)
            except OutputError as err:
                unwritten = err
        return mark, behind_s(mark, instant), unwritten

    def purge(self, *, everything: bool = False) -> Purged:
        """Deletes what is over, or everything by order, and what no entry tells of.

        Raises as `turn`, but for an order, which a damaged ledger does not hinder: it then gets no entries.
        """
        if everything:
            return self._empty()
        with self.turn() as turn:
            sweep(self.folder, ())
            done = turn.purged + purging.tidy(self.folder, self.ledger)
            return done + Purged(failed=(str(turn.unwritten),)) if turn.unwritten else done

    def order(self, going: Sequence[Held]) -> Purged:
        """Deletes things before their time, for the one whose turn it is. They go though the disk may take no entry that says so."""
        failed: tuple[str, ...] = ()
        try:
            self.ledger.append_all([("ordered", {"id": held.id}) for held in going])
        except OutputError as err:
            failed = (str(err),)
        return Purged(failed=failed) + purging.delete(self.folder, self.ledger, going, self._now)

    def _empty(self) -> Purged:
        with self._alone():
            self.judge()
            try:
                held = list(self._state().held.values())
            except RetentionError as err:
                return purging.by_names(self.folder, None) + Purged(failed=(f"{err}; this was not written down",))
            return self.order(held) + purging.tidy(self.folder, self.ledger)

    def _state(self) -> LedgerState:
        if not self.ledger.exists and any(True for part in purging.PARTS for _ in (self.folder / part).iterdir()):
            raise RetentionError(f"the ledger of the store {self.folder} is gone, and things lie there of which nothing else tells")
        return self.ledger.state()

    def _tell_of_clock(self, state: LedgerState, behind: int, mark: Mark) -> OutputError | None:
        if (behind > 0) == (state.behind_s > 0):
            return None
        try:
            self.ledger.append("clock", behind_s=behind, sure=int(mark.sure))
        except OutputError as err:
            return err
        return None

    def _judged(self, wall_s: float, mark: Mark, told_at: int) -> Mark:
        """The mark, or what the ledger's last entry says where that is later: the file with the mark was removed."""
        if mark.now >= told_at:
            return mark
        return replace(mark, highest_s=float(told_at), sure=wall_s >= told_at - TOLERANCE_S)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        layout.check(self.folder)
        with ExitStack() as stack:
            try:
                stack.enter_context(alone_in(self.folder, wait_s=WAIT_S))
            except StudyError as err:
                raise RetentionError(f"another process has been at work in the store {self.folder} for {WAIT_S:.0f} s") from err
            yield
