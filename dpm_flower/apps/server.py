"""The server app: resolves the study that the run config names, runs it, and leaves the cause behind if it fails."""

import json
import logging
import shlex
import traceback
from dataclasses import asdict
from functools import partial
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from dpm_flower.apps.simulated_exchanges import SITES, exchanges
from dpm_flower.core.errors import DpmFlowerError
from dpm_flower.federation.opening import output_of, study_of
from dpm_flower.federation.standings import LOCAL
from dpm_flower.federation.strategy import PhaseProgress
from dpm_flower.studies.run import run_study

PHASES_NAME = "phases.jsonl"  # one line per answer, for whoever watches
FAILURE_NAME = "failure.txt"

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Runs the study of the run config. Flower's own command exits with 0 even if this fails: the cause is left in failure.txt."""
    logging.getLogger("flwr").setLevel(logging.INFO)
    output = output_of(context.run_config)
    failure = output / FAILURE_NAME
    failure.unlink(missing_ok=True)
    try:
        study = study_of(context.run_config)
        exchange = str(context.run_config.get("exchange", LOCAL))
        with exchanges(exchange, output, study.partition.names):
            run_study(study, grid, output, _command(context), partial(_note, output / PHASES_NAME), simulation=exchange != SITES)
    except DpmFlowerError as err:
        _leave(failure, f"{type(err).__name__}: {err}")
        raise
    except Exception:
        _leave(failure, traceback.format_exc())
        raise


def _command(context: Context) -> str:
    """What makes the same run again, as a shell reads it."""
    given = context.run_config
    words = ["dpm-flower", "study", str(given.get("study", ""))]
    for name in ("data", "seeds"):
        if given.get(name):
            words += [f"--{name}", str(given[name])]
    return shlex.join(words)


def _note(path: Path, progress: PhaseProgress) -> None:
    try:
        with path.open("a") as file:
            file.write(json.dumps(asdict(progress)) + "\n")
    except OSError:
        return  # who watches misses a line; the run does not care


def _leave(path: Path, cause: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(cause)
    except OSError:
        return  # the folder that can't be written is most likely the cause itself, and that is raised
