"""One study: its name and overrides -> a run into a folder of its own, through Flower or in this process."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

import dpm_flower
from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.flower_run import run_through_flower
from dpm_flower.apps.progress_view import shown
from dpm_flower.apps.server import FAILURE_NAME
from dpm_flower.apps.server import app as server_app
from dpm_flower.core.allocator import keep_freed_memory
from dpm_flower.core.alone import alone_in
from dpm_flower.core.compute import Compute, torch_threads
from dpm_flower.core.data_name import SEPARATOR, paths_in, placeholders
from dpm_flower.core.errors import DataError, DpmFlowerError, OutputError, SettingError, StudyError
from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.core.whole_file import sweep
from dpm_flower.data.division import divide
from dpm_flower.data.source_name import DIGITS, ROOTED
from dpm_flower.data.sources import load_to_divide
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.federation.opening import find_study, study_of
from dpm_flower.federation.standings import GRPC, LOCAL
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.pretrain import study_head
from dpm_flower.studies.figure_files import FOLDER_NAME as FIGURES
from dpm_flower.studies.finished import CAMPAIGN
from dpm_flower.studies.results import Results
from dpm_flower.studies.results_files import read_results

LOG_NAME = "flower.log"
FLOWER = "flower"  # the folder for Flower's files
OWN = (CAMPAIGN, FIGURES, "sites", "consortium", "common", FLOWER)  # a run's folders in its own; others there are other runs'


@dataclass(frozen=True, slots=True)
class Runner:
    """How a study is run: in this process, or through Flower with so many CPUs for each client; and how releases travel."""

    in_process: bool
    cpus_per_client: int
    exchange: str = LOCAL

    def __post_init__(self) -> None:
        if self.exchange not in (LOCAL, GRPC):
            raise SettingError(f'the exchange of a simulation is "{LOCAL}" or "{GRPC}", got {self.exchange!r}')


@dataclass(frozen=True, slots=True)
class Order:
    """A study with its overrides, and the run config from which every process comes to the same study."""

    study: Study
    config: Mapping[str, str]

    @classmethod
    def of(cls, name: str, data: str, seeds: str) -> "Order":
        """What a user typed -> the order; paths are made absolute, since Flower's processes stand elsewhere. Raises StudyError."""
        several = bool(placeholders(find_study(name).data))
        given = SEPARATOR.join(map(absolute, paths_in(data))) if several else absolute(data)
        config = {"study": name, "data": given, "seeds": seeds}
        study = study_of(config)
        if not data and (own := absolute(study.data)) != study.data:  # named in the study, as seen from here
            config["data"] = own
            study = study_of(config)
        return cls(study, config)


def check(study: Study) -> None:
    """Whatever can be refused is refused here, before any process starts: device, data, partition, backbone, its weights, hook point."""
    Compute.choose(study.device, study.precision)
    for seed in study.seeds:
        division = divide(load_to_divide(study.data, study.side), study.partition, seed)
    classes = next(iter(division.entities.values())).train.classes
    PublicNets.assemble(study.backbone, study.hook, study.side, classes, stream(0, "check"), study_head(study, 0), study.weights)


def run_into(folder: Path, order: Order, runner: Runner, console: Console) -> Results:
    """An absolute folder, which is made, and an order -> the results that the run wrote there; progress goes to the console.

    Raises DpmFlowerError with what the server app said if it failed, and StudyError where another run is at work in the folder.
    """
    made(folder)
    with alone_in(folder):
        sweep(folder, OWN)
        failure = folder / FAILURE_NAME
        failure.unlink(missing_ok=True)  # an earlier run's
        config = {**order.config, "output": str(folder), "exchange": runner.exchange}
        try:
            with shown(folder, console):
                if runner.in_process:
                    _in_process(order.study, config, folder)
                else:
                    _through_flower(order.study, config, folder, runner.cpus_per_client)
        except DpmFlowerError as err:
            if failure.exists():  # says more than Flower's last lines
                raise StudyError(failure.read_text().strip()) from err
            raise
        return read_results(folder)


def _through_flower(study: Study, config: Mapping[str, str], folder: Path, cpus_per_client: int) -> None:
    if cpus_per_client > (cpus := os.cpu_count() or 1):
        raise SettingError(f"this machine has {cpus} CPUs, wanted {cpus_per_client} for each client")
    with (folder / LOG_NAME).open("a") as log:

        def on_line(line: str) -> None:
            log.write(line + "\n")
            log.flush()

        run_through_flower(project(), config, len(study.partition.names), cpus_per_client, folder / FLOWER, on_line)


def _in_process(study: Study, config: Mapping[str, str], folder: Path) -> None:
    """Flower's log goes where it goes in the other runner, to a file; torch has the study's threads, as it has in Flower's actors."""
    logger, handler = logging.getLogger("flwr"), logging.FileHandler(folder / LOG_NAME)
    handler.setFormatter(logging.Formatter("%(levelname)s : %(message)s"))
    handlers, logger.handlers = logger.handlers, [handler]
    try:
        names = study.partition.names
        nodes = [{"partition-id": number, "num-partitions": len(names)} for number in range(len(names))]
        grid = InProcessGrid(client_app, nodes, dict(config))
        keep_freed_memory()
        with torch_threads(study.threads):
            server_app(grid, grid.server_context())
    finally:
        logger.handlers = handlers
        handler.close()


def absolute(data: str) -> str:
    """A path, also one behind a known name or before options, as every process can find it; what is no path stays what it is.

    Raises DataError for what no file system takes: a home of nobody, a name that is too long, a zero byte.
    """
    name, colon, root = data.partition(":")
    try:
        if "\0" in data:
            raise ValueError("a path has no zero byte")
        if colon and root and name in ROOTED:
            return f"{name}:{Path(root).expanduser().absolute()}"
        place, mark, options = (data, "", "") if Path(data).expanduser().exists() else data.partition("?")
        path = Path(place).expanduser()
        return f"{path.absolute()}{mark}{options}" if place and place != DIGITS and path.exists() else data
    except (OSError, RuntimeError, ValueError) as err:
        raise DataError(f"wanted data as a path or a known name, got {data!r}: {err}") from err


def project() -> Path:
    """The Flower project: the folder that one stands in, or the one that this package lies in. Raises StudyError for neither."""
    for folder in (Path.cwd(), Path(dpm_flower.__file__).parents[1]):
        if (folder / "pyproject.toml").is_file() and "[tool.flwr.app]" in (folder / "pyproject.toml").read_text():
            return folder
    raise StudyError(
        f"wanted a Flower project (a pyproject.toml with [tool.flwr.app]), found none in {Path.cwd()}; --in-process needs none"
    )


def made(folder: Path) -> None:
    """Makes an output folder, which only its owner may enter. Raises OutputError unless it can be written to.

    A run keeps pictures and features of private images there. One that was there before stays as open as its owner made it.
    """
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as err:
        raise OutputError(f"cannot write to the output folder {folder}: {err}") from err
