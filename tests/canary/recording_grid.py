"""The in-process grid with a memory: all that a run's messages carried, in both directions, as contents to search."""

from collections.abc import Iterable, Iterator

from flwr.app import ArrayRecord, Message, RecordDict

from dpm_flower.federation.in_process_grid import InProcessGrid, recreated
from tests.canary.unpacking import Content


class RecordingGrid(InProcessGrid):
    """Keeps a copy of every message that is pushed and of every reply that is pulled, errors' reasons among them."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._carried: list[tuple[str, RecordDict | str]] = []

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """As the grid's."""
        given = list(messages)
        self._carried += [(f"request {message.metadata.message_type}", recreated(message.content)) for message in given]
        return super().push_messages(given)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """As the grid's."""
        replies = list(super().pull_messages(message_ids))
        for reply in replies:
            what = f"reply {reply.metadata.message_type}"
            self._carried.append((what, reply.error.reason if reply.has_error() else recreated(reply.content)))
        return replies

    @property
    def kinds(self) -> set[str]:
        """ "request ..." and "reply ..." of all message types that were carried."""
        return {what for what, _ in self._carried}

    @property
    def errors(self) -> list[str]:
        """The reasons of all error replies."""
        return [carried for _, carried in self._carried if isinstance(carried, str)]

    def contents(self) -> Iterator[Content]:
        """Every value of every record -> its bytes; arrays as Flower serialises them."""
        for number, (what, carried) in enumerate(self._carried):
            where = f"message {number}, {what}"
            if isinstance(carried, str):
                yield Content(f"{where}: error", carried.encode())
                continue
            for key, record in carried.items():
                for name, value in record.items():
                    place = f"{where}: {key}.{name}"
                    yield Content(place, value.data if isinstance(record, ArrayRecord) else _bytes(value))
                    yield Content(f"{place} (its name)", str(name).encode())


def _bytes(value: object) -> bytes:
    """A value of a config or metric record -> its bytes; numbers and lists as text, in full precision."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list) and all(isinstance(one, bytes) for one in value):
        return b"\n".join(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "\n".join(value).encode()
    return str(value).encode()
