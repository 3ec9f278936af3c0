"""One whole run of the small study, which several tests read, and a process out of which runs start quickly."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from dpm_flower.apps.study_command import run

torch.set_num_threads(1)  # two threads take twice the time where tests share the machine with each other

ROOT = Path(__file__).parents[2]
WAIT_S = 1800.0  # for a run that takes seconds, however busy the machine is


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed run in this process."""
    folder = tmp_path_factory.mktemp("small") / "run"
    assert run("tests.small_study", "", "", folder, in_process=True, cpus_per_client=1) == 0
    return folder


class Forks:
    """The program tests.study_forks, which runs one study after the other, each in a process of its own."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch  # where its processes keep temporary files
        command = [sys.executable, "-m", "tests.study_forks"]
        environment = {**os.environ, "TMPDIR": str(scratch)}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._said: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._code: int | None = None
        self.pid = 0
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, study: str, output: Path, dies: str = "") -> None:
        """Starts a study, whose process has the id `pid` then."""
        assert self._process.stdin is not None
        print(json.dumps({"study": study, "output": str(output), "dies": dies}), file=self._process.stdin, flush=True)
        self.pid, self._code = self._said.get(timeout=WAIT_S), None

    def kill(self) -> None:
        """Kills the process, if it runs still, and waits for its end."""
        if not self.ended:
            with suppress(ProcessLookupError):  # it ended just now
                os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """The code with which the study's process ended; of a signal, its negative number."""
        if self._code is None:
            self._code = self._said.get(timeout=WAIT_S)
        return self._code

    @property
    def ended(self) -> bool:
        """Whether the study's process has ended."""
        with suppress(queue.Empty):
            self._code = self._said.get_nowait() if self._code is None else self._code
        return self._code is not None

    def end(self) -> None:
        """Ends the program, and the study that runs in it."""
        if self.pid:
            with suppress(queue.Empty):
                self.kill()
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        with suppress(ValueError):
            for line in self._process.stdout or ():
                self._said.put(int(line))


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Starts studies in processes of their own within milliseconds."""
    running = Forks(tmp_path_factory.mktemp("scratch"))
    yield running
    running.end()
