"""One release of some megabytes that entity-b serves, and who fetches it."""

import random

from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.retries import Patience
from tests.exchange.peers import at, released

SIZE = 3_000_000
DATA = random.Random(5).randbytes(SIZE)
RELEASE, SHARDS = released(DATA, b"second")
IMPATIENT = Patience(start_s=0.6, first_wait_s=0.02, longest_wait_s=0.1)


def client(credentials, address, name="entity-b", patience=None):
    return GrpcExchange(
        peers=at(name, address), credentials=lambda: credentials, rng=random.Random(0), patience=patience or Patience(first_wait_s=0.01)
    )


def port_of(address):
    return int(address.rpartition(":")[2])
