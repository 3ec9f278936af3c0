"""Federated averaging by Flower's own strategies, from the lead's weights, kept round by round."""

import logging
from collections.abc import Callable, Mapping

from flwr.app import ArrayRecord, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy.strategy_utils import aggregate_metricrecords
from torch import Tensor

from dpm_flower.core.study import AveragingArm
from dpm_flower.federation.averaging import OrderedFedAvg, OrderedFedProx
from dpm_flower.federation.campaign import Campaign
from dpm_flower.federation.campaign_log import CampaignLog, ReplyKey
from dpm_flower.federation.wire import Reply, arrays_of, averaging_config, averaging_costs, tensors_of

log = logging.getLogger("flwr")

SERVER = "server"  # whose reply the average is, in the campaign's log
Costs = dict[str, dict[str, float]]  # entity -> name -> value, over all rounds


def average(
    grid: Grid, campaign: Campaign, arm: AveragingArm, kept: CampaignLog, nodes: Mapping[str, int], notify: Callable[[int, int], None]
) -> None:
    """Runs what is left of an arm's rounds and leaves the averaged network in the campaign; `notify(round, rounds)` at each round."""
    tensors, costs, done = _furthest(campaign, arm, kept)

    def after_round(number: int, arrays: ArrayRecord) -> MetricRecord | None:
        if number:
            flat = {f"{entity}.{name}": value for entity, spent in costs.items() for name, value in spent.items()}
            kept.put(_key(campaign, arm, done + number), Reply(entity=SERVER, costs=flat, tensors=tensors_of(arrays)))
            notify(done + number, arm.rounds)
        return None

    if done < arm.rounds:
        initial = arrays_of(tensors)
        result = _strategy(campaign, arm, nodes, costs).start(
            grid,
            initial_arrays=initial,
            num_rounds=arm.rounds - done,
            timeout=campaign.study.phase_timeout_s,
            train_config=averaging_config(campaign.identifier, campaign.seed, arm.name, done),
            evaluate_fn=after_round,
        )
        tensors = tensors_of(result.arrays or initial)
    campaign.shared[arm.name] = tensors
    for entity, spent in costs.items():
        campaign.add_costs(arm.name, entity, spent)


def _strategy(campaign: Campaign, arm: AveragingArm, nodes: Mapping[str, int], costs: Costs) -> OrderedFedAvg | OrderedFedProx:
    """Flower's strategy for this arm. Costs are noted from the replies, which Flower only averages."""

    def note_costs(records: list[RecordDict], weighted_by: str) -> MetricRecord:
        for record in records:
            entity, spent = averaging_costs(record)
            before = costs.setdefault(entity, {})
            for name, value in spent.items():
                before[name] = before.get(name, 0.0) + value
        return aggregate_metricrecords(records, weighted_by)

    def on_failure(entity: str, reason: str) -> None:
        log.warning("%s, seed %d, %s: %s", entity, campaign.seed, arm.name, reason)

    entities = {nodes[name]: name for name in campaign.members}
    # nobody evaluates within the rounds: what the arm comes to is evaluated like that of every other arm
    if arm.proximal_mu > 0:
        return OrderedFedProx(entities, on_failure, proximal_mu=arm.proximal_mu, fraction_evaluate=0.0, train_metrics_aggr_fn=note_costs)
    return OrderedFedAvg(entities, on_failure, fraction_evaluate=0.0, train_metrics_aggr_fn=note_costs)


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
