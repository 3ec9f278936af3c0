"""`make deploy-demo`: a real deployment on one machine, from keys to results, and nothing of it running afterwards.

A SuperLink with TLS and node authentication, and for each entity of the study a site of its own: identity, certificate, roster, policy,
exchange, SuperNode and launcher, all with keys that were made for this run. In the folder of one that was interrupted it goes on.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from dpm_flower.apps import site_start
from dpm_flower.apps.deployed_superlink import SuperLink, run_study, superlink
from dpm_flower.apps.deployment import Deployment, prepare
from dpm_flower.apps.flower_environment import wait_until_free
from dpm_flower.apps.progress_view import shown
from dpm_flower.apps.refusal import exit_code
from dpm_flower.apps.study_run import made
from dpm_flower.core.alone import alone_in
from dpm_flower.studies.report import REPORT_NAME
from dpm_flower.studies.results import Results
from dpm_flower.studies.table import result_table


def main(arguments: Sequence[str]) -> int:
    """[FOLDER [STUDY]] -> the exit code."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    folder = Path(arguments[0] if arguments else f"runs/deployment/{stamp}").absolute()

    def work() -> None:
        results = deploy(Deployment.of(folder, *arguments[1:2]), Console(stderr=True))
        Console().print(result_table(results, Console().width))
        Console().print(f"report: {folder / REPORT_NAME}", soft_wrap=True)

    return exit_code(work)


def deploy(deployment: Deployment, console: Console) -> Results:
    """Makes what is not there yet, starts SuperLink and sites, runs the study or the rest of it, ends everything -> the results.

    Raises DpmFlowerError.
    """
    made(deployment.folder)
    with alone_in(deployment.folder):
        prepare(deployment)
        wait_until_free(deployment.ports)
        with running(deployment) as (link, parts), shown(deployment.folder, console):
            console.print(f"SuperLink and {len(deployment.exchange_ports)} sites run in {deployment.folder}", soft_wrap=True)
            return run_study(deployment, link, lambda: site_start.check(parts))


@contextmanager
def running(deployment: Deployment) -> Iterator[tuple[SuperLink, list[site_start.Part]]]:
    """A deployment that was prepared -> its SuperLink and the processes of its sites; all end with the block. Raises DpmFlowerError."""
    with superlink(deployment) as link, ExitStack() as stack:
        names = deployment.study.partition.names
        yield link, [part for name in names for part in stack.enter_context(site_start.running(deployment.site_file(name)))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
