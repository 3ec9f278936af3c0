"""The strategy: pretrain, adopt, contribute, refine, evaluate, each as one batch of messages for all campaigns of a study."""

import hashlib
import json
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import PeerError, QuorumError
from dpm_flower.core.study import Study
from dpm_flower.federation.campaign import Ask, Campaign
from dpm_flower.federation.campaign_log import CampaignLog, ReplyKey
from dpm_flower.federation.received_networks import check_networks
from dpm_flower.federation.resending import ask as asked_for
from dpm_flower.federation.wire import PRETRAIN, REFINE, Reply, Request, read_reply, request_records

log = logging.getLogger("flwr")


@dataclass(frozen=True, slots=True)
class Phase:
    """One batch of questions: its name, and what each campaign asks in it; repeated, as long as it asks something new."""

    name: str
    asks: Callable[[Campaign], Iterable[Ask]]
    repeated: bool = False
    shared_round: int = 0  # of the arms with a shared decider: averaged when the phase is over


EVALUATION = Phase("evaluate", Campaign.evaluate_asks)


@dataclass(frozen=True, slots=True)
class OpenAsk:
    """A question that waits for its answer, under which key the log will keep that, and the earlier one that it is to better, if any."""

    campaign: Campaign
    ask: Ask
    key: ReplyKey
    earlier: Reply | None


@dataclass(frozen=True, slots=True)
class PhaseProgress:
    """How many answers of a phase, or rounds of a federated averaging, are there."""

    phase: str
    number: int
    phases: int
    answered: int
    asked: int
    unit: str = "answers"


class DpmSharing(Strategy):
    """Deep Poisoning, and every other way of sharing, over Flower: each phase is one batch of messages, at most one per question.

    A reply is kept in the campaign's log as it arrives, and a question that has its answer there is not asked again: so a run
    continues after its server app was killed. One whose answer went without a peer that was merely away is asked again by the next
    run, since the peer may be back; the answer that is there stands where no other comes. A message that was lost with its process is
    sent again; an entity that fails or stays silent is left out with its reason; with fewer than the study's quorum left, QuorumError.
    """

    def __init__(
        self,
        study: Study,
        campaigns: Sequence[Campaign],
        kept: CampaignLog,
        nodes: Mapping[str, int],
        notify: Callable[[PhaseProgress], None],
    ) -> None:
        self.study = study
        self.campaigns = list(campaigns)
        self._kept = kept
        self._nodes = nodes
        self._notify = notify
        self._open: dict[str, OpenAsk] = {}
        self._phases = tuple(self._plan())
        averaged = sum(isinstance(arm, AveragingArm) for arm in study.arms) * len(self.campaigns)
        self.last_phase = len(self._phases) + averaged + 1  # the evaluation, after the rounds of Flower's own strategies

    def _plan(self) -> Iterator[Phase]:
        yield Phase("pretrain", Campaign.pretrain_asks, repeated=True)  # again only where a lead failed
        yield Phase("adopt", Campaign.adopt_asks)
        yield Phase("contribute", Campaign.contribute_asks)
        yield Phase("refine", Campaign.refine_asks)
        rounds = max((arm.averaged_rounds for arm in self.study.arms if isinstance(arm, SharingArm)), default=0)
        for number in range(1, rounds + 1):
            yield Phase(f"refine shared {number}/{rounds}", partial(Campaign.shared_asks, number=number), shared_round=number)

    def start(
        self,
        grid: Grid,
        initial_arrays: ArrayRecord | None = None,
        num_rounds: int | None = None,
        timeout: float | None = None,
        train_config: ConfigRecord | None = None,
        evaluate_config: ConfigRecord | None = None,
        evaluate_fn: Callable[[int, ArrayRecord], MetricRecord | None] | None = None,
    ) -> Result:
        """Runs all phases but the evaluation, for which the other strategies of the study come first. Raises QuorumError.

        The study says how many rounds there are and what they hold; of the arguments of Flower's own loop only `timeout`, of
        one phase in seconds, has a part in it.
        """
        del initial_arrays, num_rounds, train_config, evaluate_config, evaluate_fn
        self.summary()
        for campaign in self.campaigns:
            self._recall_networks(campaign)
        for number, phase in enumerate(self._phases, start=1):
            self._run(grid, phase, number, timeout or self.study.phase_timeout_s)
            for campaign in self.campaigns:
                for remark in campaign.close_round(phase.shared_round):
                    log.warning("seed %d, %s: %s", campaign.seed, phase.name, remark)
        return Result()

    def evaluate(self, grid: Grid) -> None:
        """Asks for the quality of everything that the arms came to, those of other strategies included. Raises QuorumError."""
        self._run(grid, EVALUATION, self.last_phase, self.study.phase_timeout_s)

    def summary(self) -> None:
        """Says what will run."""
        log.info(
            "study %s: %d seeds, %d entities, %d arms, %d phases",
            self.study.name,
            len(self.campaigns),
            len(self._nodes),
            len(self.study.arms),
            self.last_phase,
        )

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        """The messages of phase `server_round`, counted from 1, that have no answer in the log yet; those that have are noted."""
        del arrays, config, grid
        return self._messages(self._phases[server_round - 1])

    def configure_evaluate(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        """The messages of the evaluation, of which there is one, that have no answer in the log yet; those that have are noted."""
        del server_round, arrays, config, grid
        return self._messages(EVALUATION)

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Notes what came; averaging, where an arm has any, follows when the phase is over."""
        del server_round
        for reply in replies:
            self._take(reply)
        return None, None

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """Notes what came."""
        self.aggregate_train(server_round, replies)
        return None

    def _run(self, grid: Grid, phase: Phase, number: int, timeout_s: float) -> None:
        started, answers = time.monotonic(), 0
        while messages := self._messages(phase):
            answers += self._exchange(grid, phase, number, messages, timeout_s)
            self._check_quorum(phase)
            if not phase.repeated:
                break
        for campaign in self.campaigns:
            if not campaign.nets:
                raise QuorumError(f"nobody could pre-train: {_reasons(campaign)}")
        log.info("phase %s: %d answers in %.1f s", phase.name, answers, time.monotonic() - started)

    def _exchange(self, grid: Grid, phase: Phase, number: int, messages: Sequence[Message], timeout_s: float) -> int:
        """Sends a phase's messages and notes what comes, and who stays silent -> the number of answers."""
        answered = 0
        # a deployed node works off one message after the other, so that it may take its time for each; Ray may work off several at once
        timeout_s *= max(Counter(message.metadata.dst_node_id for message in messages).values())

        def tell() -> None:
            self._notify(PhaseProgress(phase.name, number, self.last_phase, answered, len(messages)))

        def on_reply(reply: Message) -> None:
            nonlocal answered
            answered += 1
            self._take(reply)
            tell()

        tell()
        asked_for(grid, messages, timeout_s, on_reply)
        for waiting in self._open.values():
            campaign, ask = waiting.campaign, waiting.ask
            reason = f"no answer within {timeout_s:g} s"
            log.warning("%s, seed %d, %s: %s", ask.entity, campaign.seed, phase.name, reason)
            campaign.take(ask, reason)
            campaign.leave_out(ask.entity, f"{reason} in phase {phase.name}")
        self._open.clear()
        return answered

    def _recall_networks(self, campaign: Campaign) -> None:
        """Networks that an earlier run of this campaign came to: others have adopted them, whoever would be the lead today."""
        for ask in campaign.possible_pretrain_asks():
            known = self._kept.get(_key(ask))
            if known is not None:
                campaign.take(ask, known)
                return

    def _messages(self, phase: Phase) -> list[Message]:
        """One message per question without an answer in the log; the answers that are there are noted at once."""
        messages = []
        self._open.clear()
        for campaign in self.campaigns:
            for ask in list(phase.asks(campaign)):
                key = _key(ask)
                known = self._kept.get(key)
                if known is not None and not _may_be_bettered(ask, known):
                    campaign.take(ask, known)
                    continue
                self._open[key.file_name] = OpenAsk(campaign, ask, key, known)
                node, records = self._nodes[ask.entity], request_records(ask.request)
                messages.append(Message(records, dst_node_id=node, message_type=ask.action, group_id=key.file_name))
        return messages

    def _take(self, message: Message) -> None:
        waiting = self._open.pop(message.metadata.group_id, None)
        if waiting is None:
            log.warning("a reply came that nobody asked for, from node %d", message.metadata.src_node_id)
            return
        campaign, ask = waiting.campaign, waiting.ask
        try:
            reply = read_reply(message)
            if reply.entity != ask.entity:
                raise PeerError(f"wanted an answer of {ask.entity}, got one in the name of {reply.entity!r}")
            if ask.action == PRETRAIN:
                check_networks(self.study, reply.tensors)
        except PeerError as err:
            log.warning("%s, seed %d, %s %s: %s", ask.entity, campaign.seed, ask.action, ask.request.arm, err)
            campaign.take(ask, waiting.earlier or str(err))
            return
        self._kept.put(waiting.key, reply)
        campaign.take(ask, reply)
        for sender, reason in reply.refused:
            log.warning("%s refused the release of %s: %s", reply.entity, sender, reason)

    def _check_quorum(self, phase: Phase) -> None:
        entities, wanted = len(self.study.partition.names), quorum_of(self.study)
        for campaign in self.campaigns:
            if len(campaign.members) < wanted:
                left = f"{len(campaign.members)} of {entities} entities, wanted at least {wanted}"
                raise QuorumError(f"phase {phase.name} left {left}: {_reasons(campaign)}")


def quorum_of(study: Study) -> int:
    """How many entities of a study must take part, at least."""
    return math.ceil(study.quorum * len(study.partition.names) - 1e-9)  # 0.28 of 25 are 7, not 7.000000000000001


def _may_be_bettered(ask: Ask, known: Reply) -> bool:
    """Whether a refinement went without peers that were merely away. A shared decider's later rounds ask for them anyway."""
    return ask.action == REFINE and bool(known.away)


def _key(ask: Ask) -> ReplyKey:
    request = ask.request
    return ReplyKey(ask.action, request.seed, request.arm, request.method, request.round, ask.entity, _basis(request))


def _basis(request: Request) -> str:
    """What an answer rests on, the releases and weights in its request: an answer to others is none to these."""
    if not request.claims and not request.tensors:
        return ""
    text = json.dumps([request.claims, tensors_digest(request.tensors)])
    return hashlib.sha256(text.encode()).hexdigest()


def _reasons(campaign: Campaign) -> str:
    return "; ".join(f"{entity}: {reason}" for entity, reason in campaign.reasons()) or "no reasons given"
