"""Federated averaging by Flower's own strategies, kept round by round, each round evaluated by one entity."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from torch import Tensor

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.errors import ArmError, PeerError
from dpm_flower.federation.averaging import SILENT, OrderedFedAvg, OrderedFedProx
from dpm_flower.federation.averaging_log import AveragingLog
from dpm_flower.federation.averaging_start import start_of
from dpm_flower.federation.campaign import Ask, Campaign
from dpm_flower.federation.campaign_log import CampaignLog
from dpm_flower.federation.resending import ResendingGrid
from dpm_flower.federation.resending import ask as asked_for
from dpm_flower.federation.wire import arrays_of, averaging_config, averaging_costs, read_reply, request_records, tensors_of

log = logging.getLogger("flwr")

Strategy: TypeAlias = OrderedFedAvg | OrderedFedProx


def average(
    grid: Grid, campaign: Campaign, arm: AveragingArm, kept: CampaignLog, nodes: Mapping[str, int], notify: Callable[[int, int], None]
) -> frozenset[str]:
    """Runs what is left of an arm's rounds and leaves the averaged part in the campaign -> the entities that stayed silent.

    `notify(round, rounds)` at the beginning and after each round. A round that brought no update at all ends the arm, without
    figures; one that cannot be evaluated goes without its own. Raises PeerError where Flower cannot be reached, which is not the
    arm's fault: the run ends, and can go on later.
    """
    averaging = Averaging(grid, campaign, arm, AveragingLog(kept, campaign, arm), nodes)
    try:
        campaign.shared[arm.name] = averaging.run(notify)
    except ArmError as err:
        log.warning("%s, seed %d: %s", arm.name, campaign.seed, err)
        campaign.give_up(arm.name, str(err))
    return frozenset(averaging.silent)


@dataclass(slots=True, eq=False)
class Averaging:
    """One averaging arm of one campaign on its way: whose updates came in the present round, and what was wrong. Rounds count from 1."""

    grid: Grid
    campaign: Campaign
    arm: AveragingArm
    kept: AveragingLog
    nodes: Mapping[str, int]
    silent: set[str] = field(default_factory=set)
    _round: int = 1
    _updated: set[str] = field(default_factory=set)
    _wrong: dict[str, str] = field(default_factory=dict)

    def run(self, notify: Callable[[int, int], None]) -> Mapping[str, Tensor]:
        """The tensors of the arm's part after its last round. Raises ArmError if a round brings no update."""
        tensors, done = self.kept.recall()
        for number, average in self.kept.unjudged(done):  # a run that was killed in between
            self._judge(number, average)
        if done == self.arm.rounds:
            return tensors
        entities = {self.nodes[name]: name for name in self.campaign.members if name not in self.silent}
        if not entities:
            raise ArmError("no entity is left")
        initial = arrays_of(tensors if done else start_of(self.campaign.study, self.campaign.seed, self.arm, self.campaign.nets))
        self._round = done + 1
        strategy = self._strategy(entities)

        def after_round(number: int, arrays: ArrayRecord) -> MetricRecord | None:
            if number:
                self._close_round(tensors_of(arrays), strategy)
            notify(done + number, self.arm.rounds)
            return None

        result = strategy.start(
            ResendingGrid(self.grid),
            initial_arrays=initial,
            num_rounds=self.arm.rounds - done,
            timeout=self.campaign.study.phase_timeout_s,
            train_config=averaging_config(self.campaign.identifier, self.campaign.seed, self.arm.name, done),
            evaluate_fn=after_round,
        )
        return tensors_of(result.arrays or initial)

    def take(self, entity: str, content: RecordDict) -> None:
        """Notes an update that is averaged."""
        self._updated.add(entity)
        self.campaign.rounds.spend(self.arm.name, entity, self._round, averaging_costs(content))

    def remark(self, entity: str, reason: str) -> None:
        """Notes why one is not, or not in full."""
        log.warning("%s, seed %d, %s: %s", entity, self.campaign.seed, self.arm.name, reason)
        self._wrong[entity] = reason
        if reason == SILENT:
            self.silent.add(entity)

    def _strategy(self, entities: Mapping[int, str]) -> Strategy:
        """Flower's strategy for this arm. No update weighs more than the images that its entity said it has."""
        most = self.campaign.images
        if self.arm.proximal_mu > 0:
            return OrderedFedProx(entities, self.remark, self.take, most, proximal_mu=self.arm.proximal_mu)
        return OrderedFedAvg(entities, self.remark, self.take, most)

    def _close_round(self, tensors: Mapping[str, Tensor], strategy: Strategy) -> None:
        """Keeps a round's average. Raises ArmError with the reasons if nobody's update came: Flower would go on with that of before."""
        if not self._updated:
            told = "; ".join(f"{entity}: {reason}" for entity, reason in sorted(self._wrong.items()))
            raise ArmError(f"round {self._round} of {self.arm.rounds} brought no update: {told or 'nobody was asked'}")
        self._note_gaps()
        self.kept.put_average(self._round, tensors)
        if self._round < self.arm.rounds:  # the last one is evaluated by everybody, as what the arm came to
            self._judge(self._round, tensors)
            for entity in self.silent:
                strategy.stop_asking(entity)
        self._round += 1
        self._updated.clear()
        self._wrong.clear()

    def _note_gaps(self) -> None:
        """Notes for the readers of the arm's figures whose updates this round's average is without, or has in part, and why."""
        for entity in self.campaign.study.partition.names:
            reason = self._wrong.get(entity)
            if entity not in self._updated:
                reason = reason or self.campaign.absent.get(entity) or (SILENT if entity in self.silent else "was not asked")
                self.campaign.rounds.note(self.arm.name, entity, self._round, f"is missing: {reason}")
            elif reason:
                self.campaign.rounds.note(self.arm.name, entity, self._round, reason)

    def _judge(self, number: int, tensors: Mapping[str, Tensor]) -> None:
        """Has a round's average evaluated, and keeps what came of it."""
        for ask in self.campaign.round_asks(self.arm, number, tensors):
            if ask.entity in self.silent:
                return
            message = Message(request_records(ask.request), dst_node_id=self.nodes[ask.entity], message_type=ask.action)
            replies = asked_for(self.grid, [message], self.campaign.study.phase_timeout_s)
            if replies:
                self._take_worth(number, ask, replies[0])
            else:
                self.remark(ask.entity, SILENT)

    def _take_worth(self, number: int, ask: Ask, message: Message) -> None:
        try:
            reply = read_reply(message)
            if reply.entity != ask.entity:
                raise PeerError(f"wanted an answer of {ask.entity}, got one in the name of {reply.entity!r}")
        except PeerError as err:
            log.warning("%s, seed %d, evaluation of round %d of %s: %s", ask.entity, self.campaign.seed, number, self.arm.name, err)
            return
        self.kept.put_worth(number, reply)
        self.campaign.take(ask, reply)
