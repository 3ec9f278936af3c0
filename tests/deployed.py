"""A deployment whose processes a test kills: sites that a service manager would start anew, and an undisturbed run to compare with."""

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dpm_flower.apps import keeper
from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.deployed_superlink import SuperLink, run_study
from dpm_flower.apps.deployment import Deployment, prepare
from dpm_flower.apps.kept import kept
from dpm_flower.apps.server import app as server_app
from dpm_flower.apps.simulated_exchanges import SITES
from dpm_flower.apps.site_start import environment, exchange_command
from dpm_flower.core.errors import StudyError
from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.exchange.layout import AUDIT_LOG
from dpm_flower.exchange.pool import Pool
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.regime.site_file import read_site_file
from dpm_flower.studies.results import Results

STUDY = "tests.small_deployment:STUDY"
METHOD = "deep-poisoning"
PATIENCE_S = 600.0  # for what takes seconds on a machine with nothing else to do
MOST_RUNS = 4  # of a study whose processes are killed: on a machine that is busy enough, a restarted site comes back too late


def deployment_in(folder: Path) -> Deployment:
    """A folder -> the small deployment, prepared in it."""
    deployment = Deployment.of(folder, STUDY)
    prepare(deployment)
    return deployment


@contextmanager
def supervised(deployment: Deployment, name: str, pause_s: float = 1.0) -> Iterator[list[int]]:
    """A site that is started again `pause_s` after it ended, as by systemd -> its exit codes so far. It ends with the block."""
    codes: list[int] = []
    ended = threading.Event()
    command = [sys.executable, "-m", "dpm_flower.cli", "site", "start", "--site", str(deployment.site_file(name))]

    def keep() -> None:
        with (deployment.folder / f"site-{name}.log").open("ab") as log:
            while not ended.is_set():
                with kept(command, env=os.environ, folder=deployment.folder, output=log, grace_s=20.0) as process:
                    while process.poll() is None and not ended.wait(0.05):
                        pass
                    if process.poll() is not None:
                        codes.append(process.returncode)
                ended.wait(pause_s)

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield codes
    finally:
        ended.set()
        thread.join()


def started(*words: str) -> list[int]:
    """The processes that this one has started, at whatever depth, whose command lines hold all the words; without their keepers."""
    found = []
    for pid in keeper.descendants(os.getpid()):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended while we looked
        if "keeper.py" not in line and all(word in line for word in words):
            found.append(pid)
    return found


def kill(*words: str) -> None:
    """Ends the one process of which `started` says so, as soon as it is there, without a word."""
    wait_until(lambda: len(started(*words)) == 1, f"one process of {' '.join(words)}")
    os.kill(started(*words)[0], signal.SIGKILL)


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Returns when it is true; fails when it never is."""
    give_up = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < give_up, f"waited in vain for {what}"
        time.sleep(0.05)


@contextmanager
def when(reached: Callable[[], bool], act: Callable[[], None]) -> Iterator[threading.Event]:
    """Acts once, at the moment when something is reached while the block runs -> an event that says that it was done."""
    over, done = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            if reached():
                act()
                done.set()
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


def phase(deployment: Deployment, name: str, answered: int) -> Callable[[], bool]:
    """Whether a phase has so many answers, once it has begun."""

    def reached() -> bool:
        try:
            lines = [json.loads(line) for line in (deployment.folder / "phases.jsonl").read_text().splitlines()]
        except (OSError, ValueError):
            return False
        return any(line["phase"] == name and line["answered"] >= answered for line in lines)

    return reached


def completed(deployment: Deployment, link: SuperLink) -> Results:
    """A study that is run, and run again where a run failed -> its results. Fails where its SuperLink does, or after `MOST_RUNS`."""
    for _ in range(MOST_RUNS - 1):
        try:
            return run_study(deployment, link, lambda: None)
        except StudyError as err:
            if not started("flower-superlink"):
                raise
            print(f"run again after: {err}", file=sys.stderr)
    return run_study(deployment, link, lambda: None)


def answers(deployment: Deployment) -> dict[str, int]:
    """The answers that the server app has, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (deployment.folder / "campaign").glob("*.safetensors")}


def check_pools(deployment: Deployment) -> None:
    """Every pool holds one release of each entity, whole, the same everywhere, and an audit log that was not changed."""
    names = deployment.study.partition.names
    found = []
    for name in names:
        folder = deployment.consortium.site(name).pool
        pool = Pool(folder)
        listed = pool.listing()
        assert sorted((each.sender, each.method, each.state) for each in listed) == [(sender, METHOD, "held") for sender in names]
        for each in listed:
            pool.verify(each.digest)
        found.append({each.digest for each in listed})
        AuditLog(folder / AUDIT_LOG).verify([])
    assert all(digests == found[0] for digests in found)


def undisturbed(deployment: Deployment, folder: Path) -> bytes:
    """A deployment that has run -> quality.csv of the same campaign of sites with the same secrets, run in this process into a folder.

    Every site file is read, and releases travel through the sites' exchanges; Flower has no part in it.
    """
    other = deployment_in(folder)
    names = other.study.partition.names
    for name in names:
        shutil.copyfile(deployment.consortium.site(name).secret, other.consortium.site(name).secret)
    (folder / "campaign").mkdir()
    shutil.copyfile(deployment.folder / "campaign" / "campaign.json", folder / "campaign" / "campaign.json")
    config = {"study": STUDY, "data": "", "seeds": "", "output": str(folder), "exchange": SITES}
    with ExitStack() as exchanges:
        log = exchanges.enter_context((folder / "exchanges.log").open("ab"))
        for name in names:
            site = read_site_file(other.site_file(name))
            exchanges.enter_context(kept(exchange_command(site), env=environment(site), folder=folder, output=log))
        grid = InProcessGrid(client_app, [{"site": str(other.site_file(name))} for name in names], config)
        server_app(grid, grid.server_context())
    return (folder / "quality.csv").read_bytes()
