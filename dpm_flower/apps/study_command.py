"""`dpm-flower study`: a study by name -> its run, through Flower or in this process, its progress and its table."""

import datetime
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

import dpm_flower
from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.flower_run import run_through_flower
from dpm_flower.apps.progress_view import shown
from dpm_flower.apps.server import FAILURE_NAME
from dpm_flower.apps.server import app as server_app
from dpm_flower.core.compute import Compute, torch_threads
from dpm_flower.core.errors import DpmFlowerError, OutputError, SettingError, StudyError
from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.data.division import divide
from dpm_flower.data.sources import load
from dpm_flower.data.torchvision_sets import SETS
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.federation.opening import study_of
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.studies.results_files import read_results
from dpm_flower.studies.table import result_table

DIGITS = "digits"  # comes with the package; a folder of that name is "./digits"
FAILED, INTERRUPTED = 1, 130  # the shell's own codes
LOG_NAME = "flower.log"


def run(name: str, data: str, seeds: str, output: Path | None, *, in_process: bool, cpus_per_client: int) -> int:
    """A study by name, with its overrides -> the exit code; every failure is named on stderr."""
    console = Console(stderr=True)
    folder = None
    try:
        config = {"study": name, "data": _absolute(data), "seeds": seeds}
        study = study_of(config)
        if not data and (own := _absolute(study.data)) != study.data:  # named in the study, as seen from here
            config["data"] = own
            study = study_of(config)
        _check(study)
        folder = _made((output or _fresh(study)).absolute())
        config["output"] = str(folder)
        console.print(f"study {study.name}: {len(study.partition.names)} entities, {len(study.seeds)} seeds, into {folder}", soft_wrap=True)
        with shown(folder, console):
            if in_process:
                _in_process(study, config, folder)
            else:
                _through_flower(study, config, folder, cpus_per_client)
        Console().print(result_table(read_results(folder), Console().width))
        Console().print(f"report: {folder / 'report.html'}", soft_wrap=True)
    except DpmFlowerError as err:
        print(f"dpm-flower: {_cause(folder) or err}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        where = f"; to go on: --output {folder}" if folder else ""
        print(f"dpm-flower: interrupted{where}", file=sys.stderr)
        return INTERRUPTED
    return 0


def _check(study: Study) -> None:
    """Whatever can be refused is refused here, before any process starts: device, data, partition, backbone, hook point."""
    Compute.choose(study.device, study.precision)
    for seed in study.seeds:
        division = divide(load(study.data, study.side), study.partition, seed)
    classes = next(iter(division.entities.values())).train.classes
    PublicNets.assemble(study.backbone, study.hook, study.side, classes, stream(0, "check"))


def _through_flower(study: Study, config: Mapping[str, str], folder: Path, cpus_per_client: int) -> None:
    if cpus_per_client > (cpus := os.cpu_count() or 1):
        raise SettingError(f"this machine has {cpus} CPUs, wanted {cpus_per_client} for each client")
    with (folder / LOG_NAME).open("a") as log:

        def on_line(line: str) -> None:
            log.write(line + "\n")
            log.flush()

        run_through_flower(_project(), config, len(study.partition.names), cpus_per_client, folder / "flower", on_line)


def _in_process(study: Study, config: Mapping[str, str], folder: Path) -> None:
    """Flower's log goes where it goes in the other runner, to a file; torch has the study's threads, as it has in Flower's actors."""
    logger, handler = logging.getLogger("flwr"), logging.FileHandler(folder / LOG_NAME)
    handler.setFormatter(logging.Formatter("%(levelname)s : %(message)s"))
    handlers, logger.handlers = logger.handlers, [handler]
    try:
        names = study.partition.names
        nodes = [{"partition-id": number, "num-partitions": len(names)} for number in range(len(names))]
        grid = InProcessGrid(client_app, nodes, dict(config))
        with torch_threads(study.threads):
            server_app(grid, grid.server_context())
    finally:
        logger.handlers = handlers
        handler.close()


def _absolute(data: str) -> str:
    """A path, also one behind a known name, as every process can find it; what is no path stays what it is."""
    name, colon, root = data.partition(":")
    if colon and root and name in SETS:
        return f"{name}:{Path(root).expanduser().absolute()}"
    path = Path(data).expanduser()
    return str(path.absolute()) if data and data != DIGITS and path.exists() else data


def _project() -> Path:
    """The Flower project: the folder that one stands in, or the one that this package lies in."""
    for folder in (Path.cwd(), Path(dpm_flower.__file__).parents[1]):
        if (folder / "pyproject.toml").is_file() and "[tool.flwr.app]" in (folder / "pyproject.toml").read_text():
            return folder
    raise StudyError(
        f"wanted a Flower project (a pyproject.toml with [tool.flwr.app]), found none in {Path.cwd()}; --in-process needs none"
    )


def _fresh(study: Study) -> Path:
    return Path("runs") / study.name / datetime.datetime.now().strftime("%Y-%m-%dT%H-%M-%S")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FAILURE_NAME).unlink(missing_ok=True)  # an earlier run's
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as err:
        raise OutputError(f"cannot write to the output folder {folder}: {err}") from err
    return folder


def _cause(folder: Path | None) -> str:
    """What the server app left behind says more than Flower's last lines."""
    path = folder / FAILURE_NAME if folder else None
    return path.read_text().strip() if path and path.exists() else ""
