"""Every module of simulations/ is an experiment by its name alone, as README's table of studies names it."""

import pkgutil

import pytest

import simulations
from dpm_flower.core.comparison import Comparison
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from dpm_flower.federation.opening import find_experiment

MODULES = sorted(module.name for module in pkgutil.iter_modules(simulations.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_it_is_found(name: str) -> None:
    assert isinstance(find_experiment(f"simulations.{name}"), Study | Sweep | Comparison)
