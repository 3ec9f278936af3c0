import pytest

from dpm_flower.core.compute import torch_threads


@pytest.fixture(autouse=True)
def _one_thread():
    """As studies compute by default; bits differ between numbers of threads."""
    with torch_threads(1):
        yield
