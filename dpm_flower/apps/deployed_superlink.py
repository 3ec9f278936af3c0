"""A deployment's files -> its SuperLink, up and with all nodes registered, and its study run through it, or the rest of it."""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from dpm_flower.apps.deployment import Deployment
from dpm_flower.apps.flower_environment import environment
from dpm_flower.apps.flower_run import CONNECTION, Programs, Watch, finish, follow, wait_until_up
from dpm_flower.apps.kept import kept
from dpm_flower.apps.study_run import LOG_NAME, project
from dpm_flower.core.errors import StudyError
from dpm_flower.payload.development_ca import HOST_CERTIFICATE_NAME, HOST_KEY_NAME
from dpm_flower.payload.identity import NODE_PUBLIC_NAME
from dpm_flower.studies.results import Results
from dpm_flower.studies.results_files import read_results

BEGUN = re.compile(r"started run \d+")  # what `flwr run` says; a database that is kept may have other runs than this one
REGISTERED = "already in use"  # what Flower says of a node's key that it knows, from its database


@dataclass(frozen=True, slots=True)
class SuperLink:
    """One that answers: its process, what watches it, and what `flwr` needs to speak to it."""

    process: "subprocess.Popen[bytes]"
    watch: Watch
    programs: Programs
    env: Mapping[str, str]


@contextmanager
def superlink(deployment: Deployment) -> Iterator[SuperLink]:
    """A deployment that was prepared -> its SuperLink, which ends with the block; after another one in the same folder, with its database.

    Raises StudyError where it does not start, or does not take the nodes of the sites.
    """
    programs = Programs.beside_interpreter()
    env = environment(programs.flwr.parent, deployment.home, deployment.superlink_port, deployment.control_port)
    log_path = deployment.home / "superlink.log"
    with log_path.open("ab") as log, kept(command(deployment, programs), env=env, folder=deployment.home, output=log) as process:
        link = SuperLink(process, Watch(process, log_path), programs, env)
        wait_until_up(link.watch, deployment.superlink_port, deployment.consortium.authority)
        for name in deployment.study.partition.names:
            _register(deployment, link, name)
        yield link


def run_study(deployment: Deployment, link: SuperLink, check: Callable[[], None]) -> Results:
    """A SuperLink, with sites that are there or come up -> the study's results; what was answered before is not asked again.

    `check` is called with every line of Flower's output, and may raise. Raises DpmFlowerError with the cause.
    """
    run = [str(link.programs.flwr), "run", str(project().absolute()), CONNECTION, "--stream", "--run-config", str(deployment.run_config)]
    begun = False
    with (
        (deployment.folder / LOG_NAME).open("a") as log,
        kept(run, env=link.env, folder=deployment.home, output=subprocess.PIPE) as running,
    ):

        def on_line(line: str) -> None:
            nonlocal begun
            begun = begun or bool(BEGUN.search(line))
            log.write(line + "\n")
            log.flush()
            check()

        tail = follow(running, link.watch, on_line)
    if not begun:
        raise StudyError(f"the Flower run never began, flwr's exit code is {running.returncode}; its last lines:\n" + "\n".join(tail))
    finish(link.programs, link.env, deployment.home, link.watch, running.returncode, tail)
    return read_results(deployment.folder)


def command(deployment: Deployment, programs: Programs) -> list[str]:
    """Flower's SuperLink with TLS, node authentication and a database that outlives it."""
    return [
        str(programs.superlink),
        *("--ssl-certfile", str(deployment.host / HOST_CERTIFICATE_NAME), "--ssl-keyfile", str(deployment.host / HOST_KEY_NAME)),
        *("--ssl-ca-certfile", str(deployment.consortium.authority), "--enable-supernode-auth"),
        *("--database", str(deployment.home / "state.db"), "--disable-runtime-dependency-installation"),
        *("--host", "127.0.0.1", "--port", str(deployment.superlink_port)),
        *("--control-api-address", f"127.0.0.1:{deployment.control_port}"),
    ]


def _register(deployment: Deployment, link: SuperLink, name: str) -> None:
    key = str(deployment.consortium.site(name).identity / NODE_PUBLIC_NAME)
    words = [str(link.programs.flwr), "supernode", "register", key, CONNECTION]
    with kept(words, env=link.env, folder=deployment.home, output=subprocess.PIPE) as running:
        said = b"".join(running.stdout or ()).decode(errors="replace")
        if running.wait() != 0 and REGISTERED not in said:
            raise StudyError(f"flwr supernode register failed for {name}: {said.strip()[-500:]}")
