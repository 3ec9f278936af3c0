"""A store's place in memory where there is such a thing: what is synced all the time is slow on a busy disk."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.store import RetentionStore
from tests.data.retention.fakes import DAY, FakeClock

USUAL = RetentionPolicy(ttl_s=DAY)


@pytest.fixture
def quick(tmp_path):
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def opened(quick, clock):
    """Opens the store of the test, again and again."""
    return lambda policy=USUAL, **more: RetentionStore.open(quick / "store", policy, clock, **more)


@pytest.fixture
def store(opened):
    return opened()
