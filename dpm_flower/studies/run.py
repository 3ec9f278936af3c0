"""A study from its first message to its files: who is there, every arm under every seed, results and report."""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from flwr.app import Message
from flwr.serverapp import Grid

from dpm_flower.core.alone import alone_in
from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.errors import OutputError, PeerError, QuorumError
from dpm_flower.core.study import Study
from dpm_flower.federation import wire
from dpm_flower.federation.averaging_run import average
from dpm_flower.federation.campaign import Campaign
from dpm_flower.federation.campaign_log import CampaignLog
from dpm_flower.federation.opening import division_of
from dpm_flower.federation.resending import ask
from dpm_flower.federation.strategy import DpmSharing, PhaseProgress, quorum_of
from dpm_flower.federation.wire import Reply, Request, read_reply, request_records
from dpm_flower.studies.circumstances import circumstances_of, facts_of
from dpm_flower.studies.figure_files import write_figures
from dpm_flower.studies.owners_pictures import pictures_of
from dpm_flower.studies.report import write_report
from dpm_flower.studies.results import Results, results_of
from dpm_flower.studies.results_files import write_results

log = logging.getLogger("flwr")

Notify = Callable[[PhaseProgress], None]
CONNECT_S = 60.0  # how long nodes may take to come up
POLL_S = 0.5
CAMPAIGN = "campaign"  # the folder of what was asked and answered, below the output folder


def run_study(study: Study, grid: Grid, output: Path, command: str, notify: Notify) -> Results:
    """A study and the nodes that Flower knows -> its results, also written below `output`. Raises DpmFlowerError.

    A run that was killed continues when the same study is run into the same folder; two at once are refused.
    """
    try:
        (output / CAMPAIGN).mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(f"cannot write to the output folder {output}: {err}") from err
    with alone_in(output / CAMPAIGN):  # not in `output` itself, which whoever started Flower for this run may hold
        return _run_alone(study, grid, output, command, notify)


def _run_alone(study: Study, grid: Grid, output: Path, command: str, notify: Notify) -> Results:
    started = time.monotonic()
    kept = CampaignLog.open(output / CAMPAIGN, study, circumstances_of(study))
    before_s = kept.spent_s()

    def tell(progress: PhaseProgress) -> None:
        kept.note_spent(before_s + time.monotonic() - started)
        notify(progress)

    if kept.resumed:
        log.info("campaign %s goes on in %s", kept.identifier, output)
    present = _identified(study, grid, kept.identifier)
    nodes = {reply.entity: node for node, reply in present}
    images = {reply.entity: reply.images for _, reply in present}
    campaigns = [_campaign(study, seed, kept.identifier, images) for seed in study.seeds]
    strategy = DpmSharing(study, campaigns, kept, nodes, tell)
    strategy.start(grid)
    _run_averaging(strategy, grid, kept, nodes, tell)
    strategy.evaluate(grid)
    outcomes = [outcome for campaign in campaigns for outcome in campaign.outcomes()]
    division = division_of(study.data, study.side, study.partition, study.seeds[0])
    wall_s = before_s + time.monotonic() - started
    kept.note_spent(wall_s)
    results = results_of(study, outcomes, facts_of(study, division, wall_s, command))
    write_results(output, results)
    shown = max(images, key=lambda name: images[name])
    pictures = tuple(pictures_of(study, campaigns[0].identifier, output / "sites", shown))
    write_figures(output, results, pictures)
    write_report(output, results, pictures)
    return results


def _campaign(study: Study, seed: int, identifier: str, images: dict[str, int]) -> Campaign:
    present = [name for name in study.partition.names if name in images]
    by_size = sorted(present, key=lambda name: (-images[name], name))
    campaign = Campaign(study, seed, f"{identifier}-s{seed}", present, [study.lead] if study.lead else by_size)
    for name in study.partition.names:
        if name not in images:
            campaign.leave_out(name, "did not answer when the run began")
    return campaign


def _identified(study: Study, grid: Grid, identifier: str) -> list[tuple[int, Reply]]:
    """Node ids are random per run: each node says which entity it is. Raises QuorumError where too few do."""
    wanted = quorum_of(study)
    node_ids = _connected(study, grid)
    asks = [Message(request_records(Request(campaign=identifier)), dst_node_id=node, message_type=wire.IDENTIFY) for node in node_ids]
    found: dict[str, list[tuple[int, Reply]]] = {}
    reasons: list[str] = []
    for message in ask(grid, asks, study.phase_timeout_s):
        try:
            reply = read_reply(message)
            if reply.entity not in study.partition.names:
                raise PeerError(f"no entity of this study is called {reply.entity!r}")
        except PeerError as err:
            log.warning("node %d: %s", message.metadata.src_node_id, err)
            reasons.append(str(err))
            continue
        found.setdefault(reply.entity, []).append((message.metadata.src_node_id, reply))
    for name in [name for name, claims in found.items() if len(claims) > 1]:  # nobody can tell which of them it is
        log.warning("%d nodes say that they are %s", len(found.pop(name)), name)
        reasons.append(f"several nodes say that they are {name!r}")
    if len(found) < wanted:
        heard = f"; {'; '.join(sorted(set(reasons)))}" if reasons else ""
        raise QuorumError(
            f"wanted at least {wanted} of {len(study.partition.names)} entities, got {len(found)} of {len(node_ids)} nodes{heard}"
        )
    return [claims[0] for _, claims in sorted(found.items())]


def _connected(study: Study, grid: Grid) -> list[int]:
    """The ids of all nodes once there is one per entity, or of those that are there when the wait is over."""
    give_up = time.monotonic() + min(CONNECT_S, study.phase_timeout_s)
    while True:
        node_ids: Iterable[int] = grid.get_node_ids()
        known = sorted(node_ids)
        if len(known) >= len(study.partition.names) or time.monotonic() >= give_up:
            return known
        time.sleep(POLL_S)


def _run_averaging(strategy: DpmSharing, grid: Grid, kept: CampaignLog, nodes: dict[str, int], notify: Notify) -> None:
    """Every averaging arm of every campaign; whoever stayed silent in one is not waited for in the others."""
    arms = [arm for arm in strategy.study.arms if isinstance(arm, AveragingArm)]
    pairs = [(campaign, arm) for campaign in strategy.campaigns for arm in arms]
    for number, (campaign, arm) in enumerate(pairs, start=strategy.last_phase - len(pairs)):

        def on_round(done: int, rounds: int, number: int = number, arm: AveragingArm = arm) -> None:
            notify(PhaseProgress(arm.name, number, strategy.last_phase, done, rounds, unit="rounds"))

        for entity in average(grid, campaign, arm, kept, nodes, on_round):
            for each in strategy.campaigns:
                each.leave_out(entity, f"did not answer within {strategy.study.phase_timeout_s:g} s in {arm.name}")
