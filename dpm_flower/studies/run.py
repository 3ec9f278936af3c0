"""A study from its first message to its files: who is there, every arm under every seed, results and report."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from flwr.serverapp import Grid

from dpm_flower.core.alone import alone_in
from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.errors import OutputError
from dpm_flower.core.study import Study
from dpm_flower.federation.averaging_run import average
from dpm_flower.federation.campaign import Campaign
from dpm_flower.federation.campaign_log import CampaignLog
from dpm_flower.federation.opening import division_of
from dpm_flower.federation.presence import who_is_there
from dpm_flower.federation.strategy import DpmSharing, PhaseProgress
from dpm_flower.studies.circumstances import circumstances_of, facts_of
from dpm_flower.studies.figure_files import write_figures
from dpm_flower.studies.finished import CAMPAIGN
from dpm_flower.studies.owners_pictures import pictures_of
from dpm_flower.studies.pictures import Pictures
from dpm_flower.studies.report import write_report
from dpm_flower.studies.results import Results, results_of
from dpm_flower.studies.results_files import write_results

log = logging.getLogger("flwr")

Notify = Callable[[PhaseProgress], None]


def run_study(study: Study, grid: Grid, output: Path, command: str, notify: Notify, *, simulation: bool) -> Results:
    """A study and the nodes that Flower knows -> its results, also written below `output`. Raises DpmFlowerError.

    A run that was killed continues when the same study is run into the same folder; two at once are refused. The report of a
    `simulation` in which no node has a site file shows a few images of one entity and what attackers make of them; any other shows
    none, wherever the entities' folders lie: a run config alone opens nobody's images.
    """
    try:
        output.mkdir(0o700, parents=True, exist_ok=True)  # pictures and entities' folders lie in it
        (output / CAMPAIGN).mkdir(exist_ok=True)
    except OSError as err:
        raise OutputError(f"cannot write to the output folder {output}: {err}") from err
    with alone_in(output / CAMPAIGN):  # not in `output` itself, which whoever started Flower for this run may hold
        return _run_alone(study, grid, output, command, notify, simulation)


def _run_alone(study: Study, grid: Grid, output: Path, command: str, notify: Notify, simulation: bool) -> Results:
    started = time.monotonic()
    kept = CampaignLog.open(output / CAMPAIGN, study, circumstances_of(study))
    before_s = kept.spent_s()

    def tell(progress: PhaseProgress) -> None:
        kept.note_spent(before_s + time.monotonic() - started)
        notify(progress)

    if kept.resumed:
        log.info("campaign %s goes on in %s", kept.identifier, output)
    identifiers = {seed: f"{kept.identifier}-s{seed}" for seed in study.seeds}
    present = who_is_there(study, grid, identifiers)
    campaigns = [Campaign(study, seed, identifiers[seed], present.images[seed]) for seed in study.seeds]
    strategy = DpmSharing(study, campaigns, kept, present.nodes, tell)
    strategy.start(grid)
    _run_averaging(strategy, grid, kept, present.nodes, tell)
    strategy.evaluate(grid)
    outcomes = [outcome for campaign in campaigns for outcome in campaign.outcomes()]
    division = division_of(study.data, study.side, study.partition, study.seeds[0])
    wall_s = before_s + time.monotonic() - started
    kept.note_spent(wall_s)
    results = results_of(study, outcomes, facts_of(study, division, wall_s, command, present))
    write_results(output, results)
    pictures = tuple(_pictures(study, campaigns[0], output)) if simulation and not present.deployed else ()
    write_figures(output, results, pictures)
    write_report(output, results, pictures)
    return results


def _pictures(study: Study, campaign: Campaign, output: Path) -> Iterator[Pictures]:
    """Those of the entity with the most images."""
    shown = max(sorted(campaign.images), key=lambda name: campaign.images[name])
    return pictures_of(study, campaign.identifier, output / "sites", shown)


def _run_averaging(strategy: DpmSharing, grid: Grid, kept: CampaignLog, nodes: Mapping[str, int], notify: Notify) -> None:
    """Every averaging arm of every campaign; whoever stayed silent in one is not waited for in the others."""
    arms = [arm for arm in strategy.study.arms if isinstance(arm, AveragingArm)]
    pairs = [(campaign, arm) for campaign in strategy.campaigns for arm in arms]
    for number, (campaign, arm) in enumerate(pairs, start=strategy.last_phase - len(pairs)):

        def on_round(done: int, rounds: int, number: int = number, arm: AveragingArm = arm) -> None:
            notify(PhaseProgress(arm.name, number, strategy.last_phase, done, rounds, unit="rounds"))

        for entity in average(grid, campaign, arm, kept, nodes, on_round):
            for each in strategy.campaigns:
                each.leave_out(entity, f"did not answer within {strategy.study.phase_timeout_s:g} s in {arm.name}")
