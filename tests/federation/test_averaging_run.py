"""Flower's averaging, kept round by round: it ends with the mean of what came, and goes on where it was."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dpm_flower.core.arms import AveragingArm
from dpm_flower.federation.averaging_run import average
from dpm_flower.federation.campaign import Campaign
from dpm_flower.federation.campaign_log import CampaignLog
from tests.federation.standing_in import STUDY, Fault, Killed, StandInGrid, StandIns, fail, stay_silent

ARM = AveragingArm(name="FedAvg", rounds=3)
ONE = replace(STUDY, seeds=(0,), arms=(ARM,))
NETS = {"featurizer.w": torch.zeros(2), "decider.w": torch.ones(3), "reconstructor.w": torch.ones(4)}


def _averaged(
    folder: Path, faults: dict[tuple[str, str], Fault] | None = None, dies_at: int | None = None, **study: object
) -> tuple[Campaign, frozenset[str], list[tuple[int, int]], StandIns]:
    stand_ins = StandIns(faults or {})
    grid = StandInGrid(stand_ins, dies_at=dies_at)
    names = ONE.partition.names
    campaign = Campaign(replace(ONE, **study), 0, "campaign", list(names), list(names), nets=NETS)  # type: ignore[arg-type]
    told: list[tuple[int, int]] = []
    nodes = dict(zip(names, grid.get_node_ids(), strict=True))
    silent = average(grid, campaign, ARM, CampaignLog.open(folder, ONE), nodes, lambda *done: told.append(done))
    return campaign, silent, told, stand_ins


def test_the_whole_network_is_averaged_without_the_reconstructor(tmp_path: Path) -> None:
    campaign, silent, told, stand_ins = _averaged(tmp_path)
    assert set(campaign.shared["FedAvg"]) == {"featurizer.w", "decider.w"}
    assert silent == frozenset()
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert [call[5] for call in stand_ins.calls] == [1] * 4 + [2] * 4 + [3] * 4


def test_costs_are_summed_over_rounds_and_runs(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _averaged(tmp_path, dies_at=9)
    campaign, _, told, stand_ins = _averaged(tmp_path)
    assert told == [(2, 3), (3, 3)]
    assert {call[5] for call in stand_ins.calls} == {3}
    spent = {outcome.entity: outcome.costs["seconds"] for outcome in campaign.outcomes() if outcome.arm == "FedAvg"}
    assert spent == dict.fromkeys("abcd", 48.0)


def test_a_finished_averaging_asks_nobody(tmp_path: Path) -> None:
    first, *_ = _averaged(tmp_path)
    again, _, told, stand_ins = _averaged(tmp_path)
    assert stand_ins.calls == []
    assert told == []
    assert all(torch.equal(again.shared["FedAvg"][name], tensor) for name, tensor in first.shared["FedAvg"].items())


def test_costs_are_booked_on_the_node_that_answered(tmp_path: Path) -> None:
    campaign, *_ = _averaged(tmp_path, {("train", "c"): fail})
    spent = {outcome.entity: outcome.costs["seconds"] for outcome in campaign.outcomes() if outcome.arm == "FedAvg"}
    assert spent == {"a": 48.0, "b": 48.0, "c": 0.0, "d": 48.0}


def test_who_stays_silent_is_told(tmp_path: Path) -> None:
    _, silent, _, stand_ins = _averaged(tmp_path, {("train", "d"): stay_silent}, phase_timeout_s=0.5)
    assert silent == {"d"}
    assert len([call for call in stand_ins.calls if call[1] == "d"]) == 1


def test_with_nobody_left_there_is_a_reason(tmp_path: Path) -> None:
    campaign = Campaign(ONE, 0, "campaign", [], [], nets=NETS)
    average(StandInGrid(StandIns()), campaign, ARM, CampaignLog.open(tmp_path, ONE), {}, lambda *_: None)
    assert {outcome.reason for outcome in campaign.outcomes() if outcome.arm == "FedAvg"} == {"no entity is left"}


def test_a_round_without_updates_ends_the_arm_and_keeps_the_rounds_before(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _averaged(tmp_path, dies_at=4)
    campaign, *_ = _averaged(tmp_path, {("train", name): fail for name in "abcd"})
    assert "FedAvg" not in campaign.shared
    assert all("round 2 of 3 brought no update" in outcome.reason for outcome in campaign.outcomes() if outcome.arm == "FedAvg")
    again, _, told, _ = _averaged(tmp_path)
    assert told[0] == (1, 3)
    assert "FedAvg" in again.shared
