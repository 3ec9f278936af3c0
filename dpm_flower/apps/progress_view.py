"""A run's progress files -> what a person sees while it works: phase, entity, epoch, loss, time left."""

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dpm_flower.apps.server import PHASES_NAME
from dpm_flower.core.progress import Progress
from dpm_flower.federation.strategy import PhaseProgress

REFRESH_S = 0.5
QUIET_S = 10.0  # without a terminal, one line in this time
FRESH_S = 20.0  # an entity that has reported nothing for longer is not shown as working
PHASE_FIELDS = frozenset(PhaseProgress.__slots__)
WORK_FIELDS = frozenset(("entity", "seed", "arm", *Progress.__slots__))


class ProgressView:
    """Follows `phases.jsonl` and every site's `progress.jsonl` below a run's folder."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._offsets: dict[Path, int] = {}
        self._phase: dict[str, object] = {}
        self._working: dict[str, tuple[float, dict[str, object]]] = {}
        self._speed: dict[str, deque[tuple[float, int]]] = {}
        for path in self._files():  # what an earlier run has left is no progress of this one
            self._offsets[path] = path.stat().st_size

    def read(self) -> None:
        """Takes in what has been written since the last time."""
        now = time.monotonic()
        for path in self._files():
            if path.name == PHASES_NAME:
                for line in self._fresh_lines(path, PHASE_FIELDS):
                    self._phase = line
            else:
                for line in self._fresh_lines(path, WORK_FIELDS):
                    self._note(str(line["entity"]), line, now)

    def lines(self) -> list[str]:
        """One line for the phase, and one for each entity that works right now."""
        phase = self._phase
        if not phase:
            return ["starting"]
        stands = f"{phase['answered']} of {phase['asked']} {phase['unit']}"
        lines = [f"phase {phase['number']}/{phase['phases']} {phase['phase']}: {stands}"]
        now = time.monotonic()
        for entity, (when, line) in sorted(self._working.items()):
            if now - when < FRESH_S and line["step"] != line["steps"]:
                arm = f" ({line['arm']})" if line["arm"] else ""
                lines.append(
                    f"  {entity} seed {line['seed']} {line['work']}{arm}: epoch {line['epoch']}/{line['epochs']}, "
                    f"loss {float(str(line['loss'])):.3f}, {self._left(entity, line)} left"
                )
        return lines

    def picture(self) -> RenderableType:
        """The same for a terminal, with a bar for the phase."""
        lines = self.lines()
        if not self._phase:
            return Text(lines[0], style="dim")
        head = Table.grid(padding=(0, 1))
        head.add_row(Text(lines[0], style="bold"), ProgressBar(int(str(self._phase["asked"])), int(str(self._phase["answered"])), width=30))
        return Group(head, *(Text(line, style="dim") for line in lines[1:]))

    def _note(self, entity: str, line: dict[str, object], now: float) -> None:
        before = self._working.get(entity)
        same = before is not None and all(before[1][part] == line[part] for part in ("seed", "arm", "work"))
        speed = self._speed.setdefault(entity, deque(maxlen=20)) if same else deque(maxlen=20)
        speed.append((now, int(str(line["step"]))))
        self._speed[entity], self._working[entity] = speed, (now, line)

    def _left(self, entity: str, line: dict[str, object]) -> str:
        """Time left in this piece of work, from its speed over the last reports."""
        (start, first), (end, last) = self._speed[entity][0], self._speed[entity][-1]
        if last <= first or end <= start:
            return "…"
        seconds = (int(str(line["steps"])) - last) * (end - start) / (last - first)
        return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"

    def _files(self) -> Iterator[Path]:
        phases = self._output / PHASES_NAME
        if phases.exists():
            yield phases
        yield from self._output.glob("sites/*/progress.jsonl")

    def _fresh_lines(self, path: Path, fields: frozenset[str]) -> Iterator[dict[str, object]]:
        """Whole lines that hold these fields; anybody may have written into the file."""
        with path.open("rb") as file:
            file.seek(self._offsets.get(path, 0))
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]  # the last line may still be on its way
        self._offsets[path] = self._offsets.get(path, 0) + len(whole)
        for line in whole.splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict) and fields <= told.keys():
                yield told


@contextmanager
def shown(output: Path, console: Console) -> Iterator[None]:
    """Shows progress below `output` while the block runs: live in a terminal, a few lines a minute elsewhere."""
    view, done = ProgressView(output), threading.Event()

    def follow_live() -> None:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            while not done.wait(REFRESH_S):
                view.read()
                live.update(view.picture())

    def follow_quietly() -> None:
        while not done.wait(QUIET_S):
            view.read()
            print("\n".join(view.lines()), file=sys.stderr, flush=True)

    thread = threading.Thread(target=follow_live if console.is_terminal else follow_quietly, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
