"""Flower's averaging, kept round by round: it ends with the mean of what came, and goes on where it was."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import PeerError
from dpm_flower.federation import wire
from dpm_flower.federation.averaging_log import AveragingLog
from dpm_flower.federation.averaging_run import average
from dpm_flower.federation.campaign import Campaign
from dpm_flower.federation.campaign_log import CampaignLog, ReplyKey
from dpm_flower.federation.wire import Reply
from tests.federation.standing_in import STUDY, Fault, Killed, StandInGrid, StandIns, fail, stay_silent

ARM = AveragingArm(name="FedAvg", rounds=3)
ONE = replace(STUDY, seeds=(0,), arms=(ARM,))
NETS = {"featurizer.w": torch.zeros(2), "decider.w": torch.ones(3), "reconstructor.w": torch.ones(4)}
EQUAL = dict.fromkeys(ONE.partition.names, 40)  # a comes first


def _averaged(
    folder: Path,
    faults: dict[tuple[str, str], Fault] | None = None,
    dies_at: int | None = None,
    arm: AveragingArm = ARM,
    images: Mapping[str, int] = EQUAL,
    claims: Mapping[str, int] = {},  # nobody writes to it
    nets: Mapping[str, torch.Tensor] = NETS,
    **study: object,
) -> tuple[Campaign, frozenset[str], list[tuple[int, int]], StandIns]:
    stand_ins = StandIns(faults or {}, images={0: {**images, **claims}})
    grid = StandInGrid(stand_ins, dies_at=dies_at)
    campaign = Campaign(replace(ONE, **study), 0, "campaign", images, nets=nets)  # type: ignore[arg-type]
    told: list[tuple[int, int]] = []
    nodes = dict(zip(ONE.partition.names, grid.get_node_ids(), strict=True))
    silent = average(grid, campaign, arm, CampaignLog.open(folder, ONE), nodes, lambda *done: told.append(done))
    return campaign, silent, told, stand_ins


def _trained(stand_ins: StandIns) -> list[int]:
    """The rounds in which somebody trained."""
    return [call[5] for call in stand_ins.calls if call[0] == "train"]


def _judged(stand_ins: StandIns) -> list[tuple[str, int]]:
    """Who evaluated which round."""
    return [(call[1], call[5]) for call in stand_ins.calls if call[0] == wire.EVALUATE]


def test_the_whole_network_is_averaged_without_the_reconstructor(tmp_path: Path) -> None:
    campaign, silent, told, stand_ins = _averaged(tmp_path)
    assert set(campaign.shared["FedAvg"]) == {"featurizer.w", "decider.w"}
    assert silent == frozenset()
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert _trained(stand_ins) == [1] * 4 + [2] * 4 + [3] * 4


def test_costs_are_summed_over_rounds_and_runs(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _averaged(tmp_path, dies_at=11)
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
    campaign = Campaign(ONE, 0, "campaign", {}, nets=NETS)
    average(StandInGrid(StandIns()), campaign, ARM, CampaignLog.open(tmp_path, ONE), {}, lambda *_: None)
    assert {outcome.reason for outcome in campaign.outcomes() if outcome.arm == "FedAvg"} == {"no entity is left"}


def _remarks(campaign: Campaign) -> set[str]:
    """What stands beside the arm's figures, once they are there."""
    for ask in list(campaign.evaluate_asks()):
        campaign.take(ask, Reply(entity=ask.entity, quality={"top1": 0.5}))
    return {outcome.remark for outcome in campaign.outcomes() if outcome.arm == "FedAvg" and not outcome.reason}


def test_figures_say_whose_updates_they_went_without_also_after_a_resume(tmp_path: Path) -> None:
    told = "the update of c is missing: error 2: ValueError: c cannot (rounds 1-3)"
    assert _remarks(_averaged(tmp_path / "whole", {("train", "c"): fail})[0]) == {told}
    assert _remarks(_averaged(tmp_path / "sound")[0]) == {""}
    with pytest.raises(Killed):
        _averaged(tmp_path / "killed", {("train", "c"): fail}, dies_at=11)
    again, *_ = _averaged(tmp_path / "killed")  # only the third round is left, and in that c can
    assert _remarks(again) == {told.replace("rounds 1-3", "rounds 1-2")}


def test_who_is_silent_or_was_never_there_is_missed_in_every_round(tmp_path: Path) -> None:
    silent, *_ = _averaged(tmp_path, {("train", "d"): stay_silent}, phase_timeout_s=0.5)
    assert _remarks(silent) == {"the update of d is missing: did not answer (rounds 1-3)"}
    grid = StandInGrid(StandIns())
    nodes = dict(zip(ONE.partition.names, grid.get_node_ids(), strict=True))
    absent = Campaign(ONE, 0, "other", {"a": 40, "b": 40, "d": 40}, nets=NETS)
    average(grid, absent, replace(ARM, rounds=1), CampaignLog.open(tmp_path / "other", ONE), nodes, lambda *_: None)
    assert _remarks(absent) == {"the update of c is missing: did not answer when the run began (round 1)"}


def test_an_entity_weighs_no_more_than_the_images_that_it_said_it_has(tmp_path: Path) -> None:
    """d claims 20 images in every round, and said at the beginning that it has 5."""
    liar, *_ = _averaged(tmp_path / "liar", images={"a": 20, "b": 40, "c": 10, "d": 5}, claims={"d": 20})
    honest, *_ = _averaged(tmp_path / "honest", images={"a": 20, "b": 40, "c": 10, "d": 5})
    assert all(torch.equal(liar.shared["FedAvg"][name], tensor) for name, tensor in honest.shared["FedAvg"].items())
    assert _remarks(liar) == {"the update of d claimed 20 samples and weighs 5 (rounds 1-3)"}


def test_a_flower_that_cannot_be_reached_ends_the_run_and_not_the_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(grid: StandInGrid, messages: object) -> list[str]:
        raise ConnectionError("the SuperLink is gone")

    monkeypatch.setattr(StandInGrid, "push_messages", gone)
    with pytest.raises(PeerError, match="could not be sent: the SuperLink is gone"):
        _averaged(tmp_path)
    monkeypatch.undo()
    assert "FedAvg" in _averaged(tmp_path)[0].shared


def test_weights_that_the_server_cannot_read_are_the_arms_own_end(tmp_path: Path) -> None:
    nets = NETS | {"decider.head.weight": torch.zeros(10, 3)}
    study = {"weights": str(tmp_path / "none.safetensors"), "nets": nets}
    campaign, _, _, stand_ins = _averaged(tmp_path, arm=replace(ARM, start="scratch"), **study)
    assert stand_ins.calls == []
    assert all("there is nothing to start from: wanted a state dict" in told for told in _reasons(campaign))


def _reasons(campaign: Campaign) -> list[str]:
    return [outcome.reason for outcome in campaign.outcomes() if outcome.arm == "FedAvg"]


def test_a_round_without_updates_ends_the_arm_and_keeps_the_rounds_before(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _averaged(tmp_path, dies_at=4)
    campaign, *_ = _averaged(tmp_path, {("train", name): fail for name in "abcd"})
    assert "FedAvg" not in campaign.shared
    assert all("round 2 of 3 brought no update" in outcome.reason for outcome in campaign.outcomes() if outcome.arm == "FedAvg")
    again, _, told, _ = _averaged(tmp_path)
    assert told[0] == (1, 3)
    assert "FedAvg" in again.shared


def test_each_round_but_the_last_is_evaluated_by_the_first_in_line(tmp_path: Path) -> None:
    """The last one is what the arm came to, and everybody evaluates that."""
    campaign, _, _, stand_ins = _averaged(tmp_path)
    assert _judged(stand_ins) == [("a", 1), ("a", 2)]
    worth = [figures.quality for figures in campaign.rounds.figures("FedAvg", "a", 3, {})]
    assert [set(quality) for quality in worth] == [{"top1", "validation_top1"}, {"top1", "validation_top1"}, set()]
    assert all(not figures.quality for figures in campaign.rounds.figures("FedAvg", "b", 3, {}))
    costs = [figures.costs["seconds"] for figures in campaign.rounds.figures("FedAvg", "b", 3, {"seconds": 1.0})]
    assert costs == [17.0, 33.0, 49.0]  # so far; an evaluation costs nobody anything


def test_what_is_evaluated_is_the_rounds_own_average(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = {}
    answer = StandIns._evaluate

    def noting(self: StandIns, name: str, request: wire.Request) -> wire.Reply:
        judged[request.round] = tensors_digest(request.tensors)
        return answer(self, name, request)

    monkeypatch.setattr(StandIns, "_evaluate", noting)
    campaign, *_ = _averaged(tmp_path)
    log = AveragingLog(CampaignLog.open(tmp_path, ONE), campaign, ARM)
    kept = {number: log.kept.get(ReplyKey("train", 0, "FedAvg", 0, number, "server")) for number in (1, 2)}
    assert judged == {number: tensors_digest(reply.tensors) for number, reply in kept.items() if reply}
    assert len(set(judged.values())) == 2


@pytest.mark.parametrize("dies_at", [3, 4, 5, 8, 9, 10, 13])
def test_a_killed_run_comes_to_the_same_rounds(dies_at: int, tmp_path: Path) -> None:
    whole, *_ = _averaged(tmp_path / "whole")
    with pytest.raises(Killed):
        _averaged(tmp_path / "killed", dies_at=dies_at)
    again, _, _, stand_ins = _averaged(tmp_path / "killed")
    for name in "abcd":
        assert again.rounds.figures("FedAvg", name, 3, {}) == whole.rounds.figures("FedAvg", name, 3, {})
    assert all(torch.equal(again.shared["FedAvg"][name], tensor) for name, tensor in whole.shared["FedAvg"].items())
    assert min(_trained(stand_ins)) == 1 + (dies_at >= 4) + (dies_at >= 9)  # a round that was over is not trained again


def test_a_round_that_nobody_could_evaluate_is_a_gap_until_somebody_can(tmp_path: Path) -> None:
    campaign, *_ = _averaged(tmp_path, {(wire.EVALUATE, "a"): fail})
    assert not any(figures.quality for figures in campaign.rounds.figures("FedAvg", "a", 3, {}))
    assert "FedAvg" in campaign.shared
    again, _, _, stand_ins = _averaged(tmp_path)
    assert _judged(stand_ins) == [("a", 1), ("a", 2)]
    assert _trained(stand_ins) == []
    assert [bool(figures.quality) for figures in again.rounds.figures("FedAvg", "a", 3, {})] == [True, True, False]


def test_an_evaluation_in_another_name_is_none(tmp_path: Path) -> None:
    campaign, *_ = _averaged(tmp_path, {(wire.EVALUATE, "a"): lambda reply: replace(reply, entity="b")})
    for name in "ab":
        assert not any(figures.quality for figures in campaign.rounds.figures("FedAvg", name, 3, {}))


def test_who_stays_silent_when_asked_for_an_evaluation_is_not_waited_for_again(tmp_path: Path) -> None:
    _, silent, _, stand_ins = _averaged(tmp_path, {(wire.EVALUATE, "a"): stay_silent}, phase_timeout_s=0.5)
    assert silent == {"a"}
    assert _judged(stand_ins) == [("a", 1)]
    assert [call[5] for call in stand_ins.calls if call[:2] == ("train", "a")] == [1]
    assert [call[5] for call in stand_ins.calls if call[:2] == ("train", "b")] == [1, 2, 3]


def test_the_decider_alone_is_averaged_under_its_own_names(tmp_path: Path) -> None:
    campaign, *_ = _averaged(tmp_path, arm=replace(ARM, part="decider"))
    assert set(campaign.shared["FedAvg"]) == {"w"}


def test_public_networks_without_a_last_layer_leave_an_arm_from_scratch_without_figures(tmp_path: Path) -> None:
    campaign, _, _, stand_ins = _averaged(tmp_path, arm=replace(ARM, start="scratch"))
    assert stand_ins.calls == []
    assert all("wanted public networks with" in outcome.reason for outcome in campaign.outcomes() if outcome.arm == "FedAvg")
