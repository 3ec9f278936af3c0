"""A deployment whose parts are killed without a word: it goes on, nobody answers twice, and nothing is released twice."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dpm_flower.apps.deployed_superlink import run_study, superlink
from dpm_flower.apps.deployment import Deployment
from dpm_flower.core.errors import StudyError
from tests.apps.test_deploy_demo import processes_about
from tests.deployed import answers, check_pools, completed, deployment_in, kill, phase, started, supervised, undisturbed, wait_until, when

GIVEN_UP_S = 75.0  # the pause of certs/README.md: Flower takes a SuperNode back 60 s after the last word of the one that was killed
KILLS = max(1, int(os.environ.get("KILLS", "200")) // 10)  # each costs a deployment about as long as ten kills cost a simulation
LONGEST_S = 40.0  # between two kills: a deployment that nobody disturbs takes about a minute
PARTS = ("flower-superlink", "flower-superexec", "flwr-serverapp", "flower-supernode", "launcher", "exchange serve", "client_process.py")
GIVE_UP_S = 3600.0  # for one deployment, however often its parts are killed


def _check(deployment: Deployment, before: dict[str, int], folder: Path) -> None:
    """What was answered stays, what was released was released once, the figures are those of an undisturbed run, nobody is left."""
    after = answers(deployment)
    assert {name: after[name] for name in before} == before
    check_pools(deployment)
    assert not processes_about(deployment.folder)
    assert (deployment.folder / "quality.csv").read_bytes() == undisturbed(deployment, folder)


@pytest.mark.soak
def test_a_killed_superlink_and_a_killed_exchange_cost_time_only(tmp_path: Path) -> None:
    deployment = deployment_in(tmp_path / "run")
    with supervised(deployment, "a") as ends_of_a, supervised(deployment, "b") as ends_of_b:
        with superlink(deployment) as link, when(phase(deployment, "contribute", 1), lambda: kill("flower-superlink")) as killed:
            with pytest.raises(StudyError):
                completed(deployment, link)
            assert killed.is_set()
            wait_until(lambda: link.process.poll() is not None, "the end of all that the SuperLink had started")
        ends = list(ends_of_a), list(ends_of_b)
        before = answers(deployment)
        assert any(name.startswith("train.contribute") for name in before)
        assert not (deployment.folder / "results.json").exists()
        pool = str(deployment.consortium.site("b").pool)
        with superlink(deployment) as link:
            assert (ends_of_a, ends_of_b) == ends  # the sites wait for the next SuperLink
            with when(phase(deployment, "refine", 0), lambda: kill("exchange\0serve", pool)) as killed:
                results = completed(deployment, link)
            assert killed.is_set()
        assert len(ends_of_b) > len(ends[1])  # one part less: the whole site ends, and is started anew
    assert not any(cell.reason for cell in results.cells)
    _check(deployment, before, tmp_path / "undisturbed")


@pytest.mark.soak
def test_a_killed_server_app_and_a_killed_supernode_cost_time_only(tmp_path: Path) -> None:
    deployment = deployment_in(tmp_path / "run")
    # the SuperLink first: a SuperNode that comes before it is registered is turned away, and back only after the pause
    with superlink(deployment) as link, supervised(deployment, "a", GIVEN_UP_S), supervised(deployment, "b", GIVEN_UP_S) as ends_of_b:
        with (
            when(phase(deployment, "contribute", 1), lambda: kill("flwr-serverapp")) as killed,
            pytest.raises(StudyError, match="finished:failed"),
        ):
            run_study(deployment, link, lambda: None)
        assert killed.is_set()
        before = answers(deployment)
        assert any(name.startswith("train.contribute") for name in before)
        folder = str(deployment.consortium.site("b").folder)
        with when(phase(deployment, "refine", 0), lambda: kill("flower-supernode", folder)) as killed:
            results = completed(deployment, link)
        assert killed.is_set()
        assert ends_of_b
    assert not any(cell.reason for cell in results.cells)
    _check(deployment, before, tmp_path / "undisturbed")


@contextmanager
def _killing(deployment: Deployment, chosen: random.Random, most: int) -> Iterator[list[str]]:
    """One part of a deployment after the other is killed, at moments that are drawn, while the block runs -> what was killed so far."""
    killed: list[str] = []
    over = threading.Event()

    def work() -> None:
        while len(killed) < most and not over.wait(chosen.uniform(1.0, LONGEST_S)):
            part = chosen.choice(PARTS)
            if pids := started(part.replace(" ", "\0")):
                pid = chosen.choice(sorted(pids))
                killed.append(part)
                print(f"{deployment.folder.name}: {part} is killed")
                os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


@pytest.mark.soak
def test_whatever_is_killed_and_whenever_a_deployment_comes_to_its_figures(tmp_path: Path) -> None:
    """KILLS / 10 kills, of SEED; `make soak KILLS=20` has two. What a deployment survives is put into a new one."""
    chosen, left = random.Random(int(os.environ.get("SEED", "0"))), KILLS
    number = 0
    while left > 0:
        deployment = deployment_in(tmp_path / f"run-{number}")
        left -= _survived(deployment, chosen, left)
        _check(deployment, {}, tmp_path / f"undisturbed-{number}")
        number += 1


def _survived(deployment: Deployment, chosen: random.Random, most: int) -> int:
    """Runs a deployment to its end, as its operators would, while its parts are killed -> how many were."""
    give_up = time.monotonic() + GIVE_UP_S
    with ExitStack() as stack:
        for name in deployment.study.partition.names:
            stack.enter_context(supervised(deployment, name, GIVEN_UP_S))
        killed = stack.enter_context(_killing(deployment, chosen, most))
        while True:
            assert time.monotonic() < give_up, f"not completed after {killed} were killed"
            try:
                with superlink(deployment) as link:
                    run_study(deployment, link, lambda: None)
            except StudyError as err:
                print(f"{deployment.folder.name}: again, after: {str(err).splitlines()[0]}")
            else:
                return len(killed)
