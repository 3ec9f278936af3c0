"""A program that serves one release of one shard until it is killed, without torch, so that it starts quickly.

Usage: python -m tests.exchange.serve_shelf FOLDER LISTEN SIZE; the folder holds the files key, certificate and authorities.
Prints its address once it serves.
"""

import signal
import sys
from pathlib import Path

from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.server import ExchangeServer
from tests.exchange.peers import Members, MemoryShelf, released


def main(folder, listen, size):
    shelf = MemoryShelf(chunk_bytes=1 << 20)
    shelf.put(*released(bytes(size)))
    credentials = CredentialFiles((folder / "key").read_bytes, folder / "certificate", folder / "authorities")
    with ExchangeServer(listen, shelf, Members("entity-a"), credentials) as server:
        print(server.address, flush=True)
        signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
