"""A client app, node configs and a run config -> a Flower grid that calls the app in this process, one message after the other.

All that is private in Flower and needed for this (message ids, metadata, the run, the task's identity) stays in this file.
"""

import copy
import logging
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence

import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict, UserConfigValue
from flwr.app.message import make_message
from flwr.clientapp import ClientApp
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from dpm_flower.core.errors import PeerError, SettingError

log = logging.getLogger("flwr")

SPARE_IDS = (0, SUPERLINK_NODE_ID)  # Flower gives these to no node


class InProcessGrid(Grid):
    """Runs messages lazily: each pull lets one node answer one message, so that progress shows and a timeout can take effect.

    As in Flower's simulation, node ids are random, a handler gets copies and never shares memory with the server, what it keeps
    in `context.state` lasts until its node's next message unless it fails, and an exception becomes an error reply. `nodes` holds
    one node config per node, such as ``{"partition-id": 0, "num-partitions": 4}``. With `order` (a generator) the next message
    to be handled is drawn from all that wait, else it is the one pushed first.
    """

    def __init__(
        self,
        client_app: ClientApp,
        nodes: Sequence[Mapping[str, UserConfigValue]],
        run_config: Mapping[str, UserConfigValue],
        order: torch.Generator | None = None,
    ) -> None:
        if not nodes:
            raise SettingError("a grid needs the config of at least one node, got none")
        self._client_app = client_app
        self._run_config = dict(run_config)
        self._order = order
        self._run = Run.create_empty(_random_id(()))
        self._contexts: dict[int, Context] = {}
        for config in nodes:
            node_id = _random_id(self._contexts)
            self._contexts[node_id] = Context(self._run.run_id, node_id, dict(config), RecordDict(), dict(run_config))
        self._waiting: dict[str, Message] = {}
        _identify_this_process(self._run.run_id)

    @property
    def run(self) -> Run:
        """The run that this grid belongs to."""
        return copy.copy(self._run)

    def set_run(self, run: Run) -> None:
        """Takes `run` for the one that messages belong to from now on."""
        self._run = run

    def server_context(self) -> Context:
        """What a server app gets beside this grid: the run config, and a state of its own."""
        return Context(self._run.run_id, SUPERLINK_NODE_ID, {}, RecordDict(), dict(self._run_config))

    def create_message(self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None) -> Message:
        """The older way to make what ``Message(...)`` makes."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """The ids of all nodes, in the order of their configs."""
        return list(self._contexts)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Messages -> their ids, which are also written into them. Raises PeerError, and pushes none, if a node does not exist."""
        given = list(messages)
        for message in given:
            if message.metadata.dst_node_id not in self._contexts:
                known = ", ".join(map(str, self._contexts))
                raise PeerError(f"wanted a message to one of the nodes {known}, got one to {message.metadata.dst_node_id}")
        for message in given:
            message.metadata.__dict__.update(_message_id=str(uuid.uuid4()), _run_id=self._run.run_id, _src_node_id=SUPERLINK_NODE_ID)
            sent = make_message(metadata=copy.copy(message.metadata), content=recreated(message.content))
            self._waiting[message.metadata.message_id] = sent
        return [message.metadata.message_id for message in given]

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Lets one node answer one of these messages -> its reply; nothing once all of them have been answered."""
        waiting = [identifier for identifier in dict.fromkeys(message_ids) if identifier in self._waiting]
        if not waiting:
            return []
        drawn = 0 if self._order is None else int(torch.randint(len(waiting), (1,), generator=self._order).item())
        return [self._answer(self._waiting.pop(waiting[drawn]))]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Messages -> the replies that came before `timeout` seconds were over. A handler that runs is not interrupted."""
        give_up = None if timeout is None else time.monotonic() + timeout
        identifiers = list(self.push_messages(messages))
        replies: list[Message] = []
        while len(replies) < len(identifiers) and (give_up is None or time.monotonic() < give_up):
            replies += self.pull_messages(identifiers)
        return replies

    def _answer(self, message: Message) -> Message:
        kept = self._contexts[message.metadata.dst_node_id]
        # a copy, so that a handler that fails half-way leaves the state as it was
        context = Context(self._run.run_id, kept.node_id, dict(kept.node_config), recreated(kept.state), dict(kept.run_config))
        try:
            answer = self._client_app(message, context)
            if not isinstance(answer, Message):
                raise TypeError(f"a handler returns a Message, got {type(answer).__name__}")
            reply = Message(answer.error if answer.has_error() else recreated(answer.content), reply_to=message)
            kept.state = recreated(context.state)
        except (Exception, SystemExit) as err:  # whatever a handler raises is an answer, here as in Flower
            log.error("node %d, message %s", kept.node_id, message.metadata.message_type, exc_info=err)
            reply = Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, f"{type(err).__name__}: {err}"), reply_to=message)
        reply.metadata.__dict__["_message_id"] = str(uuid.uuid4())
        return reply


def recreated(records: RecordDict) -> RecordDict:
    """Records -> equal records that share nothing that can be written to.

    Values take the form in which they cross a network, which refuses what Flower could not send; the arrays' bytes, which
    nobody can write to, are not copied.
    """
    result = RecordDict()
    for key, record in records.items():
        if isinstance(record, ArrayRecord):
            arrays = {name: Array(array.dtype, tuple(array.shape), array.stype, bytes(array.data)) for name, array in record.items()}
            result[key] = ArrayRecord(arrays)
        elif isinstance(record, ConfigRecord):
            result[key] = ConfigRecord.inflate(record.deflate())
        else:
            result[key] = MetricRecord.inflate(record.deflate())
    return result


def _random_id(taken: Iterable[int]) -> int:
    """A random 64-bit number that is in nobody's use, as Flower draws them: anew in each run, so that nothing can depend on it."""
    while True:
        drawn = secrets.randbits(64)
        if drawn not in SPARE_IDS and drawn not in taken:
            return drawn


def _identify_this_process(run_id: int) -> None:
    """Gives this process the identity that Flower's messages ask for, unless it has one; `push_messages` corrects the run."""
    if TaskIdentity._run_id is None:
        TaskIdentity.run_id = run_id
    if TaskIdentity._node_id is None:
        TaskIdentity.node_id = SUPERLINK_NODE_ID
    if TaskIdentity._task_id is None:
        TaskIdentity.task_id = 0
