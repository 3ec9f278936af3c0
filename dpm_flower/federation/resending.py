"""Messages -> their replies, where processes may die: what was lost with its process is sent again."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flwr.app import Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from dpm_flower.federation.replies import POLL_S, collect
from dpm_flower.federation.returning import first_back
from dpm_flower.federation.wire import IDENTIFY, Request, request_records, seed_of

log = logging.getLogger("flwr")

# Flower's codes for messages that nobody worked off. What a client app raised, it would raise again.
LOST = (
    ErrorCode.UNKNOWN,  # a simulation's actor died, or had died before
    ErrorCode.MESSAGE_UNAVAILABLE,
    ErrorCode.REPLY_MESSAGE_UNAVAILABLE,
    ErrorCode.NODE_UNAVAILABLE,
    ErrorCode.CLIENT_APP_CRASHED,  # a deployment's client app ended
)
MOST_LOSSES = 7  # of one message: in the first batch, in a wave, and five times alone, which gets past three dead actors
RETURN_S = 300.0  # a node that was killed may be back 60 s after its last word, and no sooner; on a busy machine it needs minutes more


@dataclass(slots=True, eq=False)
class Question:
    """A message, how often it was lost, how often of these while it was sent alone, and the last word that its node is gone.

    A node that is gone is waited for until `wait_until` (time.monotonic).
    """

    message: Message
    losses: int = 0
    alone: int = 0
    gone: Message | None = None
    wait_until: float = 0.0


def ask(
    grid: Grid,
    messages: Iterable[Message],
    timeout_s: float,
    on_reply: Callable[[Message], None] | None = None,
    poll_s: float = POLL_S,
) -> list[Message]:
    """As `collect`, but a message that was lost with its process is sent again, up to `MOST_LOSSES` times within `timeout_s`.

    Flower's simulation puts a dead actor back among the idle ones, which are taken last in, first out. It fails at once and
    so eats most of a batch, however few of the actors are dead. Hence lost messages go again when the batch is over, in waves: first
    one alone, then twice as many at a time while none is lost. One that is lost though it was alone has met a dead actor that
    lies on top; every second time it takes harmless queries along, for other nodes: these keep the dead actors busy for the moment
    in which it is handed out, or else leave a living one on top. A deployed node that is gone is waited for, up to `RETURN_S`,
    before its message is sent again: whoever starts it anew takes part again. Nobody else waits for it: that begins when all other
    messages are answered. Source: flwr 1.41, `BasicActorPool`, and `worker` of its `vce_api`.
    """
    give_up = time.monotonic() + timeout_s
    waiting = deque(Question(message) for message in messages)
    absent: list[Question] = []
    replies: list[Message] = []
    at_once = len(waiting)

    def keep(reply: Message) -> None:
        replies.append(reply)
        if on_reply is not None:
            on_reply(reply)

    while (waiting or absent) and (left_s := give_up - time.monotonic()) > 0:
        if not waiting:
            waiting.extend(_returned(grid, absent, give_up, keep, poll_s))
            continue
        wave = [waiting.popleft() for _ in range(min(at_once, len(waiting)))]
        lost = _send(grid, wave, left_s, keep, poll_s)
        absent += [question for question in lost if question.gone]
        here = [question for question in lost if not question.gone]
        waiting.extendleft(reversed(here))
        at_once = 1 if here else 2 * at_once
    for question in absent:
        _last_word(question, keep)
    return replies


def _send(grid: Grid, wave: list[Question], timeout_s: float, keep: Callable[[Message], None], poll_s: float) -> list[Question]:
    """Sends some questions; `keep` gets the answers to them -> those that were lost and may be sent again."""
    for question in wave:
        if question.losses:
            question.message = _again(question.message)
    companions = _companions(grid, wave[0]) if len(wave) == 1 and not wave[0].gone else []
    lost: list[Question] = []
    causes: list[str] = []

    def sort_out(reply: Message) -> None:
        identifier = reply.metadata.reply_to_message_id
        question = next((each for each in wave if each.message.metadata.message_id == identifier), None)
        if question is None:
            return  # a companion's
        if reply.has_error() and reply.error.code in LOST:
            question.losses += 1
            question.alone += len(wave) == 1
            if question.losses <= MOST_LOSSES:
                question.gone = reply if reply.error.code == ErrorCode.NODE_UNAVAILABLE else None
                question.wait_until = time.monotonic() + RETURN_S
                lost.append(question)
                causes.append((reply.error.reason or "no reason given").splitlines()[0])
                return
        keep(reply)

    collect(grid, [*companions, *(question.message for question in wave)], timeout_s, sort_out, poll_s)
    if lost:
        kinds = Counter(question.message.metadata.message_type for question in lost)
        told = ", ".join(f"{number} of {kind}" for kind, number in kinds.items())
        log.warning("messages were lost with their process and are sent again (%s): %s", told, causes[0])
    return lost


def _returned(grid: Grid, absent: list[Question], give_up: float, keep: Callable[[Message], None], poll_s: float) -> list[Question]:
    """Questions whose nodes are gone -> those whose nodes are back, taken out of `absent`, as soon as there are any.

    Those that were waited for long enough are taken out as well; of them `keep` gets the last word.
    """
    back = first_back(grid, {_node(question): min(give_up, question.wait_until) for question in absent}, poll_s)
    over = [question for question in absent if _node(question) not in back and question.wait_until <= time.monotonic()]
    for question in over:
        _last_word(question, keep)
    returned = [question for question in absent if _node(question) in back]
    absent[:] = [question for question in absent if question not in over and question not in returned]
    return returned


def _node(question: Question) -> int:
    return question.message.metadata.dst_node_id


def _last_word(question: Question, keep: Callable[[Message], None]) -> None:
    if question.gone:
        keep(question.gone)


def _again(message: Message) -> Message:
    """The same message once more; Flower takes each object only once."""
    about = message.metadata
    return Message(message.content, dst_node_id=about.dst_node_id, message_type=about.message_type, group_id=about.group_id)


def _companions(grid: Grid, question: Question) -> list[Message]:
    """Harmless queries that go with a lone message: one where it was lost alone once, two after three times, and so on.

    Each goes to another node, since a simulation looks for one message per node at a time, and asks about the seed whose images
    the lone message needs as well.
    """
    harmless = Request(campaign="", seed=seed_of(question.message.content))
    number = (question.alone + 1) // 2 if question.alone % 2 else 0
    if not number:
        return []
    try:
        others = [node for node in grid.get_node_ids() if node != _node(question)]
    except Exception:  # each grid raises errors of its own transport; the message goes alone
        return []
    return [Message(request_records(harmless), dst_node_id=node, message_type=IDENTIFY) for node in others[:number]]


class ResendingGrid(Grid):
    """Another grid, for Flower's own strategies: what they send and receive goes through `ask`."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    @property
    def run(self) -> Run:
        """The run that the grid belongs to."""
        return self._grid.run

    def set_run(self, run: Run) -> None:
        """As the other grid."""
        self._grid.set_run(run)

    def create_message(self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None) -> Message:
        """As the other grid."""
        return self._grid.create_message(content, message_type, dst_node_id, group_id, ttl)

    def get_node_ids(self) -> Iterable[int]:
        """As the other grid."""
        return self._grid.get_node_ids()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """As the other grid."""
        return self._grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """As the other grid."""
        return self._grid.pull_messages(message_ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Messages -> the replies that came before `timeout` seconds were over."""
        return ask(self._grid, messages, float("inf") if timeout is None else timeout)
