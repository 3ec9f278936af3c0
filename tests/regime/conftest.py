import pytest

from dpm_flower.core.compute import torch_threads
from tests.data.retention.fakes import FakeClock


@pytest.fixture(autouse=True)
def _one_thread():
    """As studies compute by default; bits differ between numbers of threads."""
    with torch_threads(1):
        yield


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"
