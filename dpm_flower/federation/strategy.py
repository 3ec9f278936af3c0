"""The strategy: pretrain, adopt, contribute, refine, evaluate, each as one batch of messages for all campaigns of a study."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from dpm_flower.core.errors import PeerError, QuorumError
from dpm_flower.core.study import SharingArm, Study
from dpm_flower.federation.campaign import Ask, Campaign
from dpm_flower.federation.campaign_log import CampaignLog, ReplyKey
from dpm_flower.federation.replies import collect
from dpm_flower.federation.wire import read_reply, request_records

log = logging.getLogger("flwr")

NO_ANSWER = "no answer within"  # begins the reason of a silent entity


@dataclass(frozen=True, slots=True)
class Phase:
    """One batch of questions: its name, what each campaign asks in it, and whether they are evaluations."""

    name: str
    asks: Callable[[Campaign], Iterable[Ask]]
    evaluation: bool = False


@dataclass(frozen=True, slots=True)
class PhaseProgress:
    """How many answers of a phase are there."""

    phase: str
    number: int
    phases: int
    answered: int
    asked: int


class DpmSharing(Strategy):
    """Deep Poisoning, and every other way of sharing, over Flower: each phase is one round of messages, at most one per question.

    A reply is kept in the campaign's log as it arrives, and a question that has its answer there is not asked again: so a run
    continues after its server app was killed. An entity that fails or stays silent is left out with its reason; with fewer
    than the study's quorum left, QuorumError.
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
        self._open: dict[str, tuple[Campaign, Ask]] = {}
        self._phases = tuple(self._plan())

    def _plan(self) -> Iterable[Phase]:
        for _ in self.study.shares.names if not self.study.lead else (self.study.lead,):
            yield Phase("pretrain", Campaign.pretrain_asks)  # again only where a lead failed
        yield Phase("adopt", Campaign.adopt_asks)
        yield Phase("contribute", Campaign.contribute_asks)
        yield Phase("refine", Campaign.refine_asks)
        rounds = max((arm.rounds for arm in self.study.arms if isinstance(arm, SharingArm) and arm.refine == "shared"), default=0)
        for number in range(1, rounds + 1):
            yield Phase(f"refine shared {number}/{rounds}", lambda campaign, number=number: campaign.shared_asks(number))  # type: ignore[misc]

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
        """Runs all phases but the evaluation. Raises QuorumError.

        The study says how many rounds there are and what they hold; the arguments of Flower's own loop have no part in it.
        """
        del initial_arrays, num_rounds, train_config, evaluate_config, evaluate_fn
        self.summary()
        for number, phase in enumerate(self._phases, start=1):
            self._run(grid, phase, number, timeout or self.study.phase_timeout_s)
            for campaign in self.campaigns:
                for remark in campaign.close_round():
                    log.warning("%s", remark)
        return Result()

    def evaluate(self, grid: Grid) -> None:
        """Asks for the quality of everything that the arms came to, those of other strategies included."""
        phase = Phase("evaluate", Campaign.evaluate_asks, evaluation=True)
        self._run(grid, phase, len(self._phases) + 1, self.study.phase_timeout_s)

    def summary(self) -> None:
        """Says what will run."""
        log.info(
            "study %s: %d seeds, %d entities, %d arms, %d phases",
            self.study.name,
            len(self.campaigns),
            len(self._nodes),
            len(self.study.arms),
            len(self._phases) + 1,
        )

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        """The messages of phase `server_round`, counted from 1, that have no answer in the log yet."""
        del arrays, config, grid
        return self._messages(self._phases[server_round - 1])

    def configure_evaluate(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        """The messages of the evaluation."""
        del server_round, arrays, config, grid
        return self._messages(Phase("evaluate", Campaign.evaluate_asks, evaluation=True))

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
        started = time.monotonic()
        messages = self._messages(phase)
        answered, asked = 0, len(messages)
        if asked:
            self._notify(PhaseProgress(phase.name, number, len(self._phases) + 1, answered, asked))

        def on_reply(reply: Message) -> None:
            nonlocal answered
            answered += 1
            self._take(reply)
            self._notify(PhaseProgress(phase.name, number, len(self._phases) + 1, answered, asked))

        collect(grid, messages, timeout_s, on_reply)
        for campaign, ask in self._open.values():
            reason = f"{NO_ANSWER} {timeout_s:.0f} s"
            log.warning("%s, seed %d, %s: %s", ask.entity, campaign.seed, phase.name, reason)
            campaign.take(ask, reason)
            campaign.leave_out(ask.entity, f"{reason} in phase {phase.name}")
        self._open.clear()
        self._check_quorum(phase)
        log.info("phase %s: %d answers in %.1f s", phase.name, answered, time.monotonic() - started)

    def _messages(self, phase: Phase) -> list[Message]:
        """One message per question without an answer in the log; the answers that are there are noted at once."""
        messages = []
        self._open.clear()
        for campaign in self.campaigns:
            for ask in list(phase.asks(campaign)):
                known = self._kept.get(_key(ask))
                if known is not None:
                    campaign.take(ask, known)
                    continue
                identity = _key(ask).file_name
                self._open[identity] = (campaign, ask)
                messages.append(
                    Message(request_records(ask.request), dst_node_id=self._nodes[ask.entity], message_type=ask.action, group_id=identity)
                )
        return messages

    def _take(self, message: Message) -> None:
        campaign, ask = self._open.pop(message.metadata.group_id, (None, None))
        if campaign is None or ask is None:
            log.warning("a reply came that nobody asked for, from node %d", message.metadata.src_node_id)
            return
        try:
            reply = read_reply(message)
            if reply.entity != ask.entity:
                raise PeerError(f"wanted an answer of {ask.entity}, got one in the name of {reply.entity!r}")
        except PeerError as err:
            log.warning("%s, seed %d, %s %s: %s", ask.entity, campaign.seed, ask.action, ask.request.arm, err)
            campaign.take(ask, str(err))
            return
        self._kept.put(_key(ask), reply)
        campaign.take(ask, reply)
        for sender, reason in reply.refused:
            log.warning("%s refused the release of %s: %s", reply.entity, sender, reason)

    def _check_quorum(self, phase: Phase) -> None:
        wanted = math.ceil(self.study.quorum * len(self.study.shares.names))
        for campaign in self.campaigns:
            if phase.name != "pretrain" and not campaign.nets:
                raise QuorumError(f"nobody could pre-train: {_reasons(campaign)}")
            if len(campaign.members) < wanted:
                raise QuorumError(
                    f"phase {phase.name} left {len(campaign.members)} of {len(self.study.shares.names)} entities, "
                    f"wanted at least {wanted}: {_reasons(campaign)}"
                )


def _key(ask: Ask) -> ReplyKey:
    request = ask.request
    return ReplyKey(ask.action, request.seed, request.arm, request.method, request.round, ask.entity)


def _reasons(campaign: Campaign) -> str:
    return "; ".join(f"{entity}: {reason}" for entity, reason in sorted(campaign.absent.items())) or "no reasons given"
