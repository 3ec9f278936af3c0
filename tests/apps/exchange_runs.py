"""Small runs whose entities have an exchange each: by which way a release goes, which processes serve, and what the run came to."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dpm_flower.core.arms import RECEIVED
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.retries import Patience
from dpm_flower.regime.consortium import Consortium
from tests import small_study

ARMS = ("own + raw features", "own + poisoned")
STUDY = replace(small_study.STUDY, arms=tuple(small_study.STUDY.arm(name) for name in ARMS), phase_timeout_s=3600.0)
NAME = "tests.apps.exchange_runs:STUDY"
WAIT_S = 600.0  # for what takes seconds, however busy the machine is
PATIENT = Patience(start_s=WAIT_S, first_wait_s=0.05, longest_wait_s=0.5)


def quality_of(folder, arms=ARMS):
    """The bytes of quality.csv that are about the decider as received and these arms; the first line with them."""
    lines = (folder / "quality.csv").read_bytes().splitlines(keepends=True)
    return b"".join([lines[0], *(line for line in lines[1:] if line.decode().split(",")[1] in (RECEIVED, *arms))])


def reasons(folder):
    """(arm, entity) -> what results.json says of figures that are missing, or of releases that an entity went without."""
    cells = json.loads((folder / "results.json").read_text())["cells"]
    return {(cell["arm"], cell["entity"]): cell["reason"] for cell in cells}


def own_releases(folder, names="abc"):
    """(entity, method) -> how many releases of its own an entity's pool holds, each of which is whole."""
    found = Counter()
    for name in names:
        pool = Pool(Consortium(folder).site(name).pool)
        for listing in pool.listing():
            pool.verify(listing.digest)
            found[name, listing.method] += listing.sender == name
    return found


def left_behind(folder):
    """Files that are no result: half-written ones, and what lies in staging folders."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if ".partial" in path.name or (path.parent.name == "staging" and path.name != "mutex")]


@dataclass(frozen=True)
class Interposed:
    """An exchange whose releases come by the way that a test chooses: release and endpoint -> a context of (endpoint, patience)."""

    way: object
    parts: dict

    def fetch(self, release, into, *, within_s):
        with self.way(release, self.parts["peers"](release.manifest.sender)) as (endpoint, patience):
            GrpcExchange(**{**self.parts, "peers": lambda _: endpoint, "patience": patience}).fetch(release, into, within_s=within_s)


def interpose(monkeypatch, way):
    """From now on a simulation's entities in this process fetch by that way, and their exchanges may take their time to start."""
    monkeypatch.setattr("dpm_flower.apps.simulated_exchanges.START_S", WAIT_S)
    monkeypatch.setattr("dpm_flower.federation.standings.GrpcExchange", lambda **parts: Interposed(way, parts))


class Servers:
    """The exchange processes of a run: killed by their ids, and started again where they listened, as a site's service manager does."""

    def __init__(self, folder):
        self._consortium, self._again = Consortium(folder), {}

    def pid(self, name, run_pid=None):
        """The id of an entity's exchange, or None; with the id of the process that runs the study, only one that it started."""
        if name in self._again:
            return self._again[name].pid
        for entry in Path("/proc").glob("[0-9]*"):
            command = words(entry)
            if self._serves(command, name) and "-I" not in command and (run_pid is None or _keeps(entry, run_pid)):
                return int(entry.name)
        return None

    def kill(self, name, run_pid=None):
        """Kills an entity's exchange -> its command line, once it is gone; an empty one where none runs."""
        pid = self.pid(name, run_pid)
        command = words(Path(f"/proc/{pid}"))
        if pid is None or not command:
            return []
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if name in self._again:
            self._again.pop(name).wait()
        wait_until(lambda: not words(Path(f"/proc/{pid}")))
        return command

    def start(self, name, command):
        """Starts it again at the same address."""
        listen = command.index("--listen") + 1
        again = [*command[:listen], self._consortium.address(name).read_text(), *command[listen + 1 :]]
        with (self._consortium.site(name).folder / "exchange.log").open("ab") as log:
            self._again[name] = subprocess.Popen(again, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self):
        """Ends those that were started again."""
        for process in self._again.values():
            process.terminate()
        for process in self._again.values():
            try:
                process.wait(WAIT_S)
            finally:
                process.kill()
        self._again.clear()

    def _serves(self, command, name):
        return "serve" in command and str(self._consortium.site(name).pool) in command


def words(process):
    """A process's folder in /proc -> its command line, empty where it has ended."""
    with suppress(OSError):
        return [word.decode(errors="replace") for word in (process / "cmdline").read_bytes().split(b"\0")[:-1]]
    return []


def _keeps(process, run_pid):
    """Whether the keeper above this process was started by that one."""
    with suppress(OSError, IndexError):
        keeper = (process / "stat").read_text().rpartition(")")[2].split()[1]
        return words(Path(f"/proc/{keeper}"))[3] == str(run_pid)
    return False


def processes_in(folder):
    """The command lines of living processes that name this folder."""
    return [command for command in map(words, Path("/proc").glob("[0-9]*")) if any(str(folder) in word for word in command)]


def wait_until(condition):
    """Returns once the condition holds."""
    give_up = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < give_up, "it did not come to pass"
        time.sleep(0.01)


@contextmanager
def straight(release, endpoint):
    """The way of a release that nothing happens to, however long it takes."""
    yield endpoint, PATIENT
