"""A store's place in memory where there is such a thing: what is synced all the time is slow on a busy disk."""

import pytest

from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.store import RetentionStore
from tests.data.retention.fakes import DAY, FakeClock
from tests.in_memory import folder_in_memory

USUAL = RetentionPolicy(ttl_s=DAY)


@pytest.fixture
def quick(tmp_path):
    with folder_in_memory(tmp_path) as folder:
        yield folder


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
