"""Processes of a run that are killed at random, the study's own and the exchanges', and started again until it completes."""

import os
import random
import signal
import time
from itertools import count
from pathlib import Path

import pytest

from dpm_flower.exchange.pool import Pool
from dpm_flower.regime.consortium import Consortium
from tests.apps.conftest import Forks
from tests.apps.exchange_runs import NAME, Servers, left_behind, own_releases, processes_in, quality_of, wait_until

NAMES = ("a", "b", "c")
STUDY = "the study"
USUAL_KILLS, MANY_KILLS = 20, 200
MOST_ANSWERS = 4  # between two kills; a run has about twenty


class KilledRun:
    """One run, whose processes are killed while there are kills left; `killed` says which ones were."""

    def __init__(self, forks: Forks, folder: Path, rng: random.Random) -> None:
        self._forks, self._folder, self._rng = forks, folder, rng
        self._servers = Servers(folder)
        self._began_ns = 0
        self.killed: list[str] = []

    def complete(self, kills: int) -> None:
        """Starts the run again and again, until it has completed; kills at most so many processes."""
        try:
            while not self._once(kills - len(self.killed)):
                continue
        finally:
            self._forks.kill()
            self._servers.end()

    def _once(self, kills: int) -> bool:
        """One start of the run, which a kill or its own end ends -> whether it has completed."""
        self._began_ns = time.time_ns()
        self._forks.start(NAME, self._folder)
        for _ in range(kills):
            target = self._rng.choice((STUDY, *NAMES))
            self._await_answers(self._rng.randrange(MOST_ANSWERS))
            if target != STUDY:
                wait_until(lambda name=target: self._forks.ended or self._is_serving(name))
            if self._forks.ended:
                break
            if target == STUDY:
                self.killed.append(target)
                self._forks.kill()
                break
            if command := self._servers.kill(target, self._forks.pid):
                self.killed.append(target)
                self._servers.start(target, command)
        code = self._forks.wait()
        self._servers.end()
        assert code in (0, -signal.SIGKILL), self._folder.with_suffix(".log").read_text()
        return code == 0

    def _await_answers(self, more: int) -> None:
        before = self._answers()
        wait_until(lambda: self._forks.ended or self._answers() >= before + more)

    def _answers(self) -> int:
        phases = self._folder / "phases.jsonl"
        return phases.read_bytes().count(b"\n") if phases.exists() else 0

    def _is_serving(self, name: str) -> bool:
        """Whether an exchange of this start has said where it listens, so that its peers wait for it there."""
        address = Consortium(self._folder).address(name)
        announced = address.exists() and address.stat().st_mtime_ns > self._began_ns
        return announced and self._servers.pid(name, self._forks.pid) is not None


def kill_at_random(forks: Forks, small_run: Path, tmp_path: Path, kills: int) -> None:
    rng, killed = random.Random(7), list[str]()
    for number in count():
        folder = tmp_path / str(number)
        one = KilledRun(forks, folder, rng)
        one.complete(kills - len(killed))
        killed += one.killed
        assert quality_of(folder) == quality_of(small_run)
        assert left_behind(folder) == []
        assert own_releases(folder) == {(name, method): 1 for name in NAMES for method in ("raw-features", "deep-poisoning")}
        for name in NAMES:
            Pool(Consortium(folder).site(name).pool).audit_log.verify()
        wait_until(lambda folder=folder: not processes_in(folder))
        if len(killed) == kills:
            break
    assert kills < USUAL_KILLS or set(killed) == {STUDY, *NAMES}  # a few may all hit one
    wait_until(lambda: not list(forks.scratch.glob("dpm-*")))


def test_a_run_whose_processes_are_killed_at_random_comes_to_the_same_figures(forks: Forks, small_run: Path, tmp_path: Path) -> None:
    kill_at_random(forks, small_run, tmp_path, USUAL_KILLS)


@pytest.mark.soak
def test_many_kills(forks: Forks, small_run: Path, tmp_path: Path) -> None:
    kill_at_random(forks, small_run, tmp_path, int(os.environ.get("KILLS", MANY_KILLS)))
