"""The service's calls and messages: bytes from a peer -> the message they should be, and what chunks may weigh."""

from collections.abc import Iterator
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

from dpm_flower.core.errors import PeerError

SERVICE: Final = "dpm_flower.exchange.v1.Exchange"
CATALOGUE, FETCH, PUBLISH, WITHDRAW = "Catalogue", "Fetch", "Publish", "Withdraw"

CHUNK_BYTES = 1 << 20  # gRPC's default message limit is 4 MiB; a quarter keeps latency even
MOST_TO_A_SERVER_BYTES = CHUNK_BYTES + (1 << 16)  # a chunk and its frame: nobody sends a server anything longer
MOST_TO_A_CLIENT_BYTES = 8 << 20  # an envelope is one message, of up to 6 MiB

OneMessage = TypeVar("OneMessage", bound=Message)


def path(call: str, service: str = SERVICE) -> str:
    """A call's name, and whose call it is -> how HTTP/2 names it."""
    return f"/{service}/{call}"


def parsed(kind: type[OneMessage], data: bytes) -> OneMessage:
    """Bytes -> the message of that kind. Raises PeerError for what is none."""
    message: OneMessage = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as err:
        raise PeerError(f"wanted a {kind.__name__}, got {len(data)} bytes that are none") from err
    return message


def only(kind: type[OneMessage], requests: Iterator[bytes]) -> OneMessage:
    """What a client sends -> its one request. Raises PeerError if there is none."""
    for data in requests:
        return parsed(kind, data)
    raise PeerError(f"wanted a {kind.__name__}, got nothing")
