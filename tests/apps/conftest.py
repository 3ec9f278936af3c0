"""One whole run of the small study, which several tests read."""

from pathlib import Path

import pytest
import torch

from dpm_flower.apps.study_command import run

torch.set_num_threads(1)  # two threads take twice the time where tests share the machine with each other


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed run in this process."""
    folder = tmp_path_factory.mktemp("small") / "run"
    assert run("tests.small_study", "", "", folder, in_process=True, cpus_per_client=1) == 0
    return folder
