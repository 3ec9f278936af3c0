"""The contract of the data plane: a verified release -> its shards in the reader's own pool."""

import math
from typing import Protocol

from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.verified import AuthenticRelease


class Exchange(Protocol):
    """How pools get each other's releases; folders in a simulation, gRPC with mutual TLS between sites."""

    def fetch(self, release: AuthenticRelease, into: Pool, *, within_s: float = math.inf) -> None:
        """A verified release of a peer -> the same release in the pool `into`, verified while it streams. Again is harmless.

        Raises ReleaseError if the sender does not have it or sends something else, AwayError if it is waited for longer than `within_s`,
        OutputError if `into` cannot be written.
        """
        ...
