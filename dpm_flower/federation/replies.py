"""Messages -> the replies that came within a time, whatever single nodes do."""

import time
from collections.abc import Callable, Iterable

from flwr.app import Error, Message
from flwr.serverapp import Grid

from dpm_flower.core.above_zero import check_above_zero
from dpm_flower.core.errors import PeerError

POLL_S = 0.5  # a phase takes minutes; a SuperLink answers a poll in milliseconds
MAX_BACKOFF_S = 30.0
MAX_FAILURES = 8  # pulls in a row: with the waits between them, about two minutes without a SuperLink
NOT_FROM_NODE = -1  # none of Flower's codes: this node is not asked again


def collect(
    grid: Grid,
    messages: Iterable[Message],
    timeout_s: float,
    on_reply: Callable[[Message], None] | None = None,
    poll_s: float = POLL_S,
) -> list[Message]:
    """Sends messages and waits at most `timeout_s` seconds -> the replies in the order in which they came, at most one per message.

    `on_reply` gets each of them as it arrives; what it raises ends the collection. A node that fails answers with an error
    reply, a node that stays silent is missing. Every reply carries the node and the group of the message that it answers,
    also those that a SuperLink writes in a lost node's stead. A failed pull is repeated after a growing pause.
    Raises SettingError for times that are not positive, PeerError if nothing can be sent or pulls keep failing.
    """
    check_above_zero(timeout_s=timeout_s, poll_s=poll_s)
    give_up = time.monotonic() + timeout_s
    open_messages = _push(grid, list(messages))
    replies: list[Message] = []
    failures = 0
    while open_messages:
        pause_s = poll_s
        try:
            came = list(grid.pull_messages(list(open_messages)))
            failures = 0
        except Exception as err:  # each grid raises errors of its own transport
            came = []
            failures += 1
            if failures >= MAX_FAILURES:
                raise PeerError(f"{failures} pulls of replies in a row failed, {len(open_messages)} replies missing: {err}") from err
            pause_s = min(MAX_BACKOFF_S, poll_s * 2**failures)
        for reply in came:
            asked = open_messages.pop(reply.metadata.reply_to_message_id, None)
            if asked is None:
                continue  # answered before, or never asked
            replies.append(_attributed(asked, reply))
            if on_reply is not None:
                on_reply(replies[-1])
        left_s = give_up - time.monotonic()
        if left_s <= 0:
            break
        if open_messages and not came:
            time.sleep(min(pause_s, left_s))
    return replies


def _push(grid: Grid, messages: list[Message]) -> dict[str, Message]:
    """Messages -> message id -> message, without those that the grid could not send: their nodes count as silent."""
    if not messages:
        return {}
    try:
        identifiers = list(grid.push_messages(messages))
    except PeerError:
        raise
    except Exception as err:  # each grid raises errors of its own transport
        raise PeerError(f"{len(messages)} messages could not be sent: {err}") from err
    if len(identifiers) == len(messages):  # a network grid marks what it could not send by an empty id
        return {identifier: message for identifier, message in zip(identifiers, messages, strict=True) if identifier}
    return {message.metadata.message_id: message for message in messages if message.metadata.message_id in identifiers}


def _attributed(asked: Message, reply: Message) -> Message:
    """The reply, as that of the node that was asked, or an error in its stead."""
    if reply.metadata.src_node_id == asked.metadata.dst_node_id:
        return reply
    if reply.has_error():  # the SuperLink writes these in its own name
        return Message(reply.error, reply_to=asked)
    return Message(Error(NOT_FROM_NODE, f"answered by node {reply.metadata.src_node_id}"), reply_to=asked)
