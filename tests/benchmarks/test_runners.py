"""What Flower costs: the same study through its simulation with one client process, against the study in this process."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dpm_flower.apps.flower_run import run_through_flower
from dpm_flower.apps.study_run import _in_process
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.study import Study
from tests.small_study import STUDY as SMALL

START_S = 30.0  # a SuperLink, Ray, one client process and its imports
MOST = 1.25  # of the time in this process, beyond the start: messages, polls, and the SuperLink's share of the CPUs
LONGER = Fitting(steps=60, batch_size=16, learning_rate=1e-3)

STUDY = replace(SMALL, name="runners", pretrain=LONGER, reconstruct=LONGER, refine=LONGER)
PROJECT = Path(__file__).parents[2]


def _config(folder: Path) -> dict[str, str]:
    folder.mkdir()
    return {"study": "tests.benchmarks.test_runners:STUDY", "data": "", "seeds": "", "output": str(folder)}


def _timed(study: Study, folder: Path) -> float:
    started = time.perf_counter()
    _in_process(study, _config(folder), folder)
    return time.perf_counter() - started


@pytest.mark.benchmark(group="runners")
def test_a_whole_run_through_flower_costs_a_start_and_little_more(benchmark, tmp_path: Path) -> None:
    """One client process, which gets all CPUs: both runners work off one message after the other, on one torch thread."""
    cpus = os.cpu_count() or 1
    in_process_s = _timed(STUDY, tmp_path / "here")

    def through_flower() -> None:
        config = _config(tmp_path / "flower")
        run_through_flower(PROJECT, config, len(STUDY.partition.names), cpus, tmp_path / "home", lambda _: None)

    benchmark.pedantic(through_flower, rounds=1)
    flower_s = benchmark.stats.stats.max
    assert (tmp_path / "flower" / "quality.csv").read_bytes() == (tmp_path / "here" / "quality.csv").read_bytes()
    benchmark.extra_info |= {"in process, s": in_process_s, "through Flower, s": flower_s, "allowed, s": MOST * in_process_s + START_S}
    assert flower_s <= MOST * in_process_s + START_S
