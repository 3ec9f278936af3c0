"""An authority, a client and a server for tests of the line between two institutions. A file whose shelf is another defines its own."""

import pytest

from dpm_flower.exchange.server import ExchangeServer
from tests.exchange.fetching import RELEASE, SHARDS
from tests.exchange.peers import Members, MemoryShelf, authority, entity


@pytest.fixture
def ca(tmp_path):
    return authority(tmp_path / "ca")


@pytest.fixture
def friend(ca):
    return entity("entity-a", ca)


@pytest.fixture
def shelf():
    made = MemoryShelf(chunk_bytes=1 << 16)
    made.put(RELEASE, SHARDS)
    return made


@pytest.fixture
def told():
    return []


@pytest.fixture
def serve(ca, shelf, told):
    """Arguments of entity-b's server -> its address, running; stopped after the test."""
    running = []

    def start(**settings):
        ours, members = entity("entity-b", ca), Members("entity-a", "entity-b", "entity-c")
        server = ExchangeServer("127.0.0.1:0", shelf, members, lambda: ours, **({"told": told.append} | settings))
        server.start()
        running.append(server)
        return server.address

    yield start
    for server in running:
        server.stop(0)
