"""A study from its first message to its files: who is there, every arm under every seed, results and report."""

import logging
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from flwr.app import Message
from flwr.serverapp import Grid

from dpm_flower.core.errors import PeerError, QuorumError
from dpm_flower.core.study import AveragingArm, Study
from dpm_flower.federation import wire
from dpm_flower.federation.averaging_run import average
from dpm_flower.federation.campaign import Campaign
from dpm_flower.federation.campaign_log import CampaignLog
from dpm_flower.federation.opening import division_of
from dpm_flower.federation.replies import collect
from dpm_flower.federation.strategy import DpmSharing, PhaseProgress
from dpm_flower.federation.wire import Reply, Request, read_reply, request_records
from dpm_flower.studies.circumstances import facts_of
from dpm_flower.studies.owners_pictures import pictures_of
from dpm_flower.studies.report import write_report
from dpm_flower.studies.results import Results, results_of
from dpm_flower.studies.results_files import write_results

log = logging.getLogger("flwr")

Notify = Callable[[PhaseProgress], None]
CONNECT_S = 60.0  # how long nodes may take to come up
POLL_S = 0.5


def run_study(study: Study, grid: Grid, output: Path, command: str, notify: Notify) -> Results:
    """A study and the nodes that Flower knows -> its results, also written below `output`. Raises DpmFlowerError.

    A run that was killed continues when the same study is run into the same folder.
    """
    started = time.monotonic()
    kept = CampaignLog.open(output / "campaign", study)
    if kept.resumed:
        log.info("campaign %s goes on in %s", kept.identifier, output)
    present = _identified(study, grid, kept.identifier)
    nodes = {reply.entity: node for node, reply in present}
    images = {reply.entity: reply.images for _, reply in present}
    campaigns = [_campaign(study, seed, kept.identifier, images) for seed in study.seeds]
    strategy = DpmSharing(study, campaigns, kept, nodes, notify)
    strategy.start(grid)
    _run_averaging(study, campaigns, grid, kept, nodes, notify)
    strategy.evaluate(grid)
    outcomes = [outcome for campaign in campaigns for outcome in campaign.outcomes()]
    division = division_of(study.data, study.side, study.shares, study.seeds[0])
    results = results_of(study, outcomes, facts_of(study, division, time.monotonic() - started, command))
    write_results(output, results)
    shown = max(images, key=lambda name: images[name])
    write_report(output, results, tuple(pictures_of(study, campaigns[0].identifier, output / "sites", shown)))
    return results


def _campaign(study: Study, seed: int, identifier: str, images: dict[str, int]) -> Campaign:
    present = [name for name in study.shares.names if name in images]
    by_size = sorted(present, key=lambda name: (-images[name], name))
    campaign = Campaign(study, seed, f"{identifier}-s{seed}", present, [study.lead] if study.lead else by_size)
    for name in study.shares.names:
        if name not in images:
            campaign.leave_out(name, "did not answer when the run began")
    return campaign


def _identified(study: Study, grid: Grid, identifier: str) -> list[tuple[int, Reply]]:
    """Node ids are random per run: each node says which entity it is. Raises QuorumError where too few do."""
    wanted = math.ceil(study.quorum * len(study.shares.names))
    node_ids = _connected(study, grid)
    asks = [Message(request_records(Request(campaign=identifier)), dst_node_id=node, message_type=wire.IDENTIFY) for node in node_ids]
    found: dict[str, tuple[int, Reply]] = {}
    reasons: list[str] = []
    for message in collect(grid, asks, study.phase_timeout_s):
        try:
            reply = read_reply(message)
            if reply.entity not in study.shares.names:
                raise PeerError(f"no entity of this study is called {reply.entity!r}")
            if reply.entity in found:
                raise PeerError(f"two nodes say that they are {reply.entity!r}")
        except PeerError as err:
            log.warning("node %d: %s", message.metadata.src_node_id, err)
            reasons.append(str(err))
            continue
        found[reply.entity] = (message.metadata.src_node_id, reply)
    if len(found) < wanted:
        heard = f"; {'; '.join(sorted(set(reasons)))}" if reasons else ""
        raise QuorumError(
            f"wanted at least {wanted} of {len(study.shares.names)} entities, got {len(found)} of {len(node_ids)} nodes{heard}"
        )
    return [found[name] for name in sorted(found)]


def _connected(study: Study, grid: Grid) -> list[int]:
    """The ids of all nodes once there is one per entity, or of those that are there when the wait is over."""
    give_up = time.monotonic() + min(CONNECT_S, study.phase_timeout_s)
    while True:
        node_ids: Iterable[int] = grid.get_node_ids()
        known = sorted(node_ids)
        if len(known) >= len(study.shares.names) or time.monotonic() >= give_up:
            return known
        time.sleep(POLL_S)


def _run_averaging(study: Study, campaigns: list[Campaign], grid: Grid, kept: CampaignLog, nodes: dict[str, int], notify: Notify) -> None:
    arms = [arm for arm in study.arms if isinstance(arm, AveragingArm)]
    for number, (campaign, arm) in enumerate(((campaign, arm) for campaign in campaigns for arm in arms), start=1):

        def on_round(done: int, rounds: int, number: int = number, arm: AveragingArm = arm) -> None:
            notify(PhaseProgress(arm.name, number, len(arms) * len(campaigns), done, rounds))

        average(grid, campaign, arm, kept, nodes, on_round)
