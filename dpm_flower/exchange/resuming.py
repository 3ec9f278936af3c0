"""Calls that outlive a cut line: a peer's answers, however many tries they take, and a shard from its last good byte on."""

from collections.abc import Callable, Iterator

import grpc

from dpm_flower.core.errors import PeerError, ReleaseError
from dpm_flower.exchange.chunk_frame import unframed
from dpm_flower.exchange.exchange_pb2 import FetchRequest
from dpm_flower.exchange.line import Line, may_pass, said
from dpm_flower.exchange.messages import FETCH
from dpm_flower.exchange.retries import Tries
from dpm_flower.payload.shard import ShardEntry


def answered(line: Line, tries: Tries, call: str, requests: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """A call -> its answers. After a cut it is made again, with what `requests` gives then, and answers from its beginning.

    Raises ReleaseError when the peer refuses, AwayError when the tries are over.
    """
    while True:
        try:
            for answer in line.answers(call, requests(), tries.left_s):
                yield answer
                tries.went_on()
        except grpc.RpcError as err:
            if not may_pass(err):
                raise ReleaseError(f"{tries.what}: refused: {said(err)}") from err
            line.renew()
            tries.wait(said(err))
        else:
            return


def shard_bytes(line: Line, tries: Tries, digest: str, position: int, entry: ShardEntry) -> Iterator[bytes]:
    """A release's digest and one of its shards -> the shard's bytes in chunks, each once and in order, whatever happens to the line.

    They are not verified; but what does not even have the right size is refused at once. Raises ReleaseError.
    """
    received = 0

    def request() -> Iterator[bytes]:
        return iter([FetchRequest(digest=digest, position=position, offset=received).SerializeToString()])

    first = True
    for answer in answered(line, tries, FETCH, request):
        try:
            data, size = unframed(answer)
        except PeerError as err:
            raise ReleaseError(f"{tries.what}: {err}") from err
        if first and size != entry.size_bytes:
            raise ReleaseError(f"{tries.what}: wanted a shard of {entry.size_bytes} bytes, got one of {size}")
        first = False
        received += len(data)
        yield data
