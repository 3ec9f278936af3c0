"""`dpm-flower study`: a study, a sweep or a comparison by name -> its run, its progress and its table."""

import datetime
import shlex
import sys
from pathlib import Path

from rich.console import Console

from dpm_flower.apps.comparison_run import ordered, run_comparison
from dpm_flower.apps.study_run import Order, Runner, check, run_into
from dpm_flower.apps.sweep_run import SweepOrder, run_sweep
from dpm_flower.core.comparison import Comparison
from dpm_flower.core.errors import DpmFlowerError
from dpm_flower.core.sweep import Sweep
from dpm_flower.federation.opening import find_experiment
from dpm_flower.federation.standings import LOCAL
from dpm_flower.studies.comparison_files import HTML_NAME as COMPARISON_PAGE
from dpm_flower.studies.comparison_table import comparison_table
from dpm_flower.studies.report import REPORT_NAME
from dpm_flower.studies.sweep_files import HTML_NAME
from dpm_flower.studies.sweep_table import sweep_table
from dpm_flower.studies.table import result_table

FAILED, INTERRUPTED = 1, 130  # the shell's own codes


def run(name: str, data: str, seeds: str, output: Path | None, *, in_process: bool, cpus_per_client: int, exchange: str = LOCAL) -> int:
    """A study, a sweep or a comparison by name, with its overrides -> the exit code; every failure is named on stderr."""
    folder = None
    try:
        runner = Runner(in_process, cpus_per_client, exchange)
        experiment = find_experiment(name)
        folder = (output or _fresh(experiment.name)).absolute()
        if isinstance(experiment, Sweep):
            return _sweep(SweepOrder(experiment, name, data, seeds), folder, runner)
        if isinstance(experiment, Comparison):
            return _comparison(ordered(experiment, data, seeds), name, folder)
        _study(Order.of(name, data, seeds), folder, runner)
    except DpmFlowerError as err:
        print(f"dpm-flower: {err}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        where = f"; to go on: --output {shlex.quote(str(folder))}" if folder else ""
        print(f"dpm-flower: interrupted{where}", file=sys.stderr)
        return INTERRUPTED
    return 0


def _study(order: Order, folder: Path, runner: Runner) -> None:
    study, console = order.study, Console(stderr=True)
    check(study)
    console.print(f"study {study.name}: {len(study.partition.names)} entities, {len(study.seeds)} seeds, into {folder}", soft_wrap=True)
    results = run_into(folder, order, runner, console)
    Console().print(result_table(results, Console().width))
    Console().print(f"report: {folder / REPORT_NAME}", soft_wrap=True)


def _sweep(order: SweepOrder, folder: Path, runner: Runner) -> int:
    console = Console(stderr=True)
    console.print(f"sweep {order.sweep.name}: {len(order.sweep.variants)} variants, into {folder}", soft_wrap=True)
    results = run_sweep(folder, order, runner, console)
    Console().print(sweep_table(results, Console().width))
    Console().print(f"report: {folder / HTML_NAME}", soft_wrap=True)
    if results.failed:
        print(f"dpm-flower: {len(results.failed)} of {len(results.variants)} variants failed: {', '.join(results.failed)}", file=sys.stderr)
    return FAILED if results.failed else 0


def _comparison(comparison: Comparison, name: str, folder: Path) -> int:
    """It has no entities, and so neither Flower nor an exchange: those options say nothing about it."""
    console, cells = Console(stderr=True), len(comparison.trials) * len(comparison.seeds)
    console.print(f"comparison {comparison.name}: {len(comparison.trials)} trials, {cells} cells, into {folder}", soft_wrap=True)
    seeds = ",".join(map(str, comparison.seeds))
    command = f"dpm-flower study {name} --data {shlex.quote(comparison.data)} --seeds {seeds}"
    results = run_comparison(folder, comparison, command, console)
    Console().print(comparison_table(results, Console().width))
    Console().print(f"report: {folder / COMPARISON_PAGE}", soft_wrap=True)
    if results.failed:
        print(f"dpm-flower: {len(results.failed)} of {len(results.trials)} trials failed: {', '.join(results.failed)}", file=sys.stderr)
    return FAILED if results.failed else 0


def _fresh(name: str) -> Path:
    return Path("runs") / name / datetime.datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
