"""Federated averaging by Flower's own strategies, from the lead's weights, kept round by round."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flwr.app import ArrayRecord, MetricRecord, RecordDict
from flwr.serverapp import Grid
from torch import Tensor

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.errors import PeerError
from dpm_flower.federation.averaging import SILENT, OrderedFedAvg, OrderedFedProx
from dpm_flower.federation.campaign import Campaign
from dpm_flower.federation.campaign_log import CampaignLog, ReplyKey
from dpm_flower.federation.resending import ResendingGrid
from dpm_flower.federation.wire import Reply, arrays_of, averaging_config, averaging_costs, tensors_of

log = logging.getLogger("flwr")

SERVER = "server"  # whose reply the average is, in the campaign's log
Costs = dict[str, dict[str, float]]  # entity -> name -> value, over all rounds


def average(
    grid: Grid, campaign: Campaign, arm: AveragingArm, kept: CampaignLog, nodes: Mapping[str, int], notify: Callable[[int, int], None]
) -> frozenset[str]:
    """Runs what is left of an arm's rounds and leaves the averaged network in the campaign -> the entities that stayed silent.

    `notify(round, rounds)` at the beginning and after each round. A round that brought no update at all ends the arm, without figures.
    """
    tensors, costs, done = _furthest(campaign, arm, kept)
    updates = Updates(campaign, arm, costs)

    def after_round(number: int, arrays: ArrayRecord) -> MetricRecord | None:
        if number:
            updates.close_round(done + number)
            flat = {f"{entity}.{name}": value for entity, spent in costs.items() for name, value in spent.items()}
            kept.put(_key(campaign, arm, done + number), Reply(entity=SERVER, costs=flat, tensors=tensors_of(arrays)))
        notify(done + number, arm.rounds)
        return None

    if done < arm.rounds:
        initial, entities = arrays_of(tensors), {nodes[name]: name for name in campaign.members}
        try:
            if not entities:
                raise PeerError("no entity is left")
            result = _strategy(arm, entities, updates).start(
                ResendingGrid(grid),
                initial_arrays=initial,
                num_rounds=arm.rounds - done,
                timeout=campaign.study.phase_timeout_s,
                train_config=averaging_config(campaign.identifier, campaign.seed, arm.name, done),
                evaluate_fn=after_round,
            )
        except PeerError as err:
            log.warning("%s, seed %d: %s", arm.name, campaign.seed, err)
            campaign.give_up(arm.name, str(err))
            return frozenset(updates.silent)
        tensors = tensors_of(result.arrays or initial)
    campaign.shared[arm.name] = tensors
    for entity, spent in costs.items():
        campaign.add_costs(arm.name, entity, spent)
    return frozenset(updates.silent)


@dataclass(slots=True, eq=False)
class Updates:
    """What came in the present round of an averaging, and what did not; costs are summed over all rounds."""

    campaign: Campaign
    arm: AveragingArm
    costs: Costs
    silent: set[str] = field(default_factory=set)
    _updated: bool = False
    _failures: dict[str, str] = field(default_factory=dict)

    def take(self, entity: str, content: RecordDict) -> None:
        """Notes an update that is averaged."""
        self._updated = True
        spent = self.costs.setdefault(entity, {})
        for name, value in averaging_costs(content).items():
            spent[name] = spent.get(name, 0.0) + value

    def fail(self, entity: str, reason: str) -> None:
        """Notes one that is not."""
        log.warning("%s, seed %d, %s: %s", entity, self.campaign.seed, self.arm.name, reason)
        self._failures[entity] = reason
        if reason == SILENT:
            self.silent.add(entity)

    def close_round(self, number: int) -> None:
        """Raises PeerError with the reasons if nobody's update came: what Flower would go on with is the average of before."""
        if not self._updated:
            told = "; ".join(f"{entity}: {reason}" for entity, reason in sorted(self._failures.items()))
            raise PeerError(f"round {number} of {self.arm.rounds} brought no update: {told or 'nobody was asked'}")
        self._updated = False
        self._failures.clear()


def _strategy(arm: AveragingArm, entities: Mapping[int, str], updates: Updates) -> OrderedFedAvg | OrderedFedProx:
    """Flower's strategy for this arm. Nobody evaluates within the rounds: the arm is evaluated like every other one."""
    if arm.proximal_mu > 0:
        return OrderedFedProx(entities, updates.fail, updates.take, proximal_mu=arm.proximal_mu, fraction_evaluate=0.0)
    return OrderedFedAvg(entities, updates.fail, updates.take, fraction_evaluate=0.0)


def _furthest(campaign: Campaign, arm: AveragingArm, kept: CampaignLog) -> tuple[Mapping[str, Tensor], Costs, int]:
    """The last round that an earlier run finished: its network, its costs, its number; else the lead's network, and round 0."""
    for number in range(arm.rounds, 0, -1):
        reply = kept.get(_key(campaign, arm, number))
        if reply is not None:
            costs: Costs = {}
            for name, value in reply.costs.items():
                entity, _, cost = name.partition(".")
                costs.setdefault(entity, {})[cost] = value
            return reply.tensors, costs, number
    return {name: tensor for name, tensor in campaign.nets.items() if not name.startswith("reconstructor.")}, {}, 0


def _key(campaign: Campaign, arm: AveragingArm, number: int) -> ReplyKey:
    return ReplyKey("train", campaign.seed, arm.name, 0, number, SERVER)
