"""What one entity does costs the others nothing: every kind of failure, and what the cells and the errors say of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from flwr.app import ArrayRecord, ConfigRecord

from dpm_flower.core.arms import RECEIVED, AveragingArm
from dpm_flower.core.errors import QuorumError
from dpm_flower.federation import strategy as strategy_module
from dpm_flower.federation import wire
from dpm_flower.federation.campaign import Campaign
from dpm_flower.federation.campaign_log import CampaignLog
from dpm_flower.federation.strategy import DpmSharing, quorum_of
from dpm_flower.federation.wire import Reply
from tests.federation.standing_in import (
    IMAGES,
    NETWORKS,
    STUDY,
    Fault,
    Loss,
    Ran,
    StandInGrid,
    StandIns,
    check_toy_networks,
    fail,
    ran,
    stay_silent,
)

ONE = replace(STUDY, seeds=(0,))
SHORT_S = 0.8  # a whole phase of stand-ins takes a tenth of it
ARMS = {RECEIVED, *(arm.name for arm in ONE.arms)}


def _with(faults: dict[tuple[str, str], Fault], folder: Path, **study: object) -> tuple[Ran, StandIns]:
    stand_ins = StandIns(faults)
    return ran(stand_ins, folder, replace(ONE, **study)), stand_ins  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run in which nothing fails."""
    return ran(StandIns(), tmp_path_factory.mktemp("whole"), ONE)


def test_every_cell_has_figures_and_every_question_is_asked_once(tmp_path: Path) -> None:
    result, stand_ins = _with({}, tmp_path)
    assert result.holes() == set()
    assert len(set(stand_ins.calls)) == len(stand_ins.calls)
    asked = {action: sum(call[0] == action for call in stand_ins.calls) for action in {call[0] for call in stand_ins.calls}}
    assert asked == {
        wire.IDENTIFY: 4,
        wire.PRETRAIN: 1,
        wire.ADOPT: 4,
        wire.CONTRIBUTE: 8,  # two methods that share something
        wire.REFINE: 9,  # two arms of four, and one receiver
        wire.REFINE_SHARED: 8,
        "train": 12,
        wire.EVALUATE: 17 + 3,  # of all arms by everybody in them; of all rounds but the last, one shared and two of FedAvg, by one
    }


def test_the_costs_of_all_steps_add_up(whole: Ran) -> None:
    spent = {arm: whole.outcomes[0, arm, "a"].costs for arm in ARMS}
    assert spent["alone"]["seconds"] == 4.0
    assert spent["poisoned"] == {"seconds": 2.0 + 4 + 4, "bytes_sent": 100.0}  # the release, and a refinement with four claims
    assert spent["shared"]["seconds"] == 2.0 + 2 * 8
    assert spent["FedAvg"]["seconds"] == 3 * 16
    assert spent[RECEIVED]["seconds"] == 0.0


def test_a_sender_that_does_not_receive_has_the_figures_of_its_release_only(whole: Ran) -> None:
    sender = whole.outcomes[0, "images", "b"]
    assert set(sender.quality) == {"ssim_p"}
    assert sender.reason == ""
    assert "top1" in whole.outcomes[0, "images", "a"].quality


def test_a_release_that_fails_costs_its_sender_that_release_and_nobody_else_anything(tmp_path: Path, whole: Ran) -> None:
    result, _ = _with({(wire.CONTRIBUTE, "c"): fail}, tmp_path)
    assert result.holes() == set()
    assert result.outcomes[0, "poisoned", "a"].costs["seconds"] == 2.0 + 4 + 3  # one claim less
    assert "ssim_p" not in result.outcomes[0, "poisoned", "c"].quality
    assert result.outcomes[0, "alone", "c"].quality == whole.outcomes[0, "alone", "c"].quality


def test_a_refinement_that_fails_is_its_own_cells_reason(tmp_path: Path, whole: Ran) -> None:
    result, _ = _with({(wire.REFINE, "c"): fail}, tmp_path)
    assert result.holes() == {("alone", "c"), ("poisoned", "c")}
    assert result.reason("poisoned", "c") == "ValueError: c cannot"
    assert result.outcomes[0, "poisoned", "c"].quality == {"ssim_p": whole.outcomes[0, "poisoned", "c"].quality["ssim_p"]}
    assert result.outcomes[0, "poisoned", "a"].quality == whole.outcomes[0, "poisoned", "a"].quality


def test_an_evaluation_that_fails_is_its_cells_reason(tmp_path: Path) -> None:
    result, _ = _with({(wire.EVALUATE, "d"): fail}, tmp_path)
    assert result.holes() == {(arm, "d") for arm in ARMS - {RECEIVED, "images"}}


def test_an_update_that_fails_leaves_the_others_average(tmp_path: Path, whole: Ran) -> None:
    result, _ = _with({(wire.REFINE_SHARED, "c"): fail}, tmp_path)
    assert result.holes() == set()  # c evaluates what the others came to
    assert result.outcomes[0, "shared", "a"].quality != whole.outcomes[0, "shared", "a"].quality


def test_with_no_update_at_all_a_shared_arm_has_reasons_instead_of_the_figures_of_before(tmp_path: Path) -> None:
    result, _ = _with({(wire.REFINE_SHARED, name): fail for name in "abcd"}, tmp_path)
    assert result.holes() == {("shared", name) for name in "abcd"}
    assert result.reason("shared", "b") == "ValueError: b cannot"


def _lie(reply: Reply) -> Reply:
    return replace(reply, entity="a")


def _diverge(reply: Reply) -> Reply:
    return replace(reply, quality={"top1": float("nan")})


@pytest.mark.parametrize(("fault", "reason"), [(_lie, "wanted an answer of b, got one in the name of 'a'"), (_diverge, "finite number")])
def test_answers_in_anothers_name_and_unreadable_ones_are_reasons(fault: Fault, reason: str, tmp_path: Path) -> None:
    result, _ = _with({(wire.EVALUATE, "b"): fault}, tmp_path)
    assert result.holes() == {(arm, "b") for arm in ARMS - {RECEIVED, "images"}}
    assert reason in result.reason("poisoned", "b")
    assert result.reason("poisoned", "a") == ""


def test_the_next_largest_pretrains_where_the_lead_fails_and_the_lead_goes_on_with_its_networks(tmp_path: Path) -> None:
    result, stand_ins = _with({(wire.PRETRAIN, "b"): fail}, tmp_path)
    assert [call[1] for call in stand_ins.calls if call[0] == wire.PRETRAIN] == ["b", "a"]
    assert result.holes() == set()


def _others_networks(reply: Reply) -> Reply:
    return replace(reply, tensors={name: tensor for name, tensor in reply.tensors.items() if name != "decider.weight"})


def _all_of_one_number(value: float) -> Fault:
    return lambda reply: replace(reply, tensors={name: torch.full((3,), value) for name in reply.tensors})


@pytest.mark.parametrize("fault", [_others_networks, _all_of_one_number(float("nan"))])
def test_networks_that_nobody_could_adopt_are_not_kept_and_the_next_lead_is_asked(fault: Fault, tmp_path: Path, whole: Ran) -> None:
    result, stand_ins = _with({(wire.PRETRAIN, "b"): fault}, tmp_path)
    assert [call[1] for call in stand_ins.calls if call[0] == wire.PRETRAIN] == ["b", "a"]
    assert result.holes() == set()
    assert len(list((tmp_path / "campaign").glob(f"{wire.PRETRAIN}-*"))) == 1


@pytest.mark.parametrize("kind", [torch.complex128, torch.int16, torch.uint16])
def test_tensors_of_an_odd_type_cost_their_sender_its_answer_and_the_run_nothing(kind: torch.dtype, tmp_path: Path) -> None:
    odd: Fault = lambda reply: replace(reply, tensors={name: tensor.to(kind) for name, tensor in reply.tensors.items()})  # noqa: E731
    result, _ = _with({(wire.REFINE_SHARED, "c"): odd}, tmp_path)
    assert result.holes() == set()
    assert "the update of c is missing: wanted array" in result.outcomes[0, "shared", "a"].remark


def test_a_claim_of_more_samples_than_anybody_has_weighs_no_more(tmp_path: Path) -> None:
    """Stand-ins release nothing that can be read, so that nobody has more than the own images."""
    liar, _ = _with({(wire.REFINE_SHARED, "c"): lambda reply: replace(reply, images=10**15)}, tmp_path / "liar")
    honest, _ = _with({}, tmp_path / "honest")
    assert all(liar.outcomes[cell].quality == outcome.quality for cell, outcome in honest.outcomes.items())
    assert liar.outcomes[0, "shared", "a"].remark == f"the update of c claimed {10**15} samples and weighs 10 (rounds 1-2)"


def test_each_message_is_digested_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digested: list[int] = []
    digest = strategy_module.tensors_digest
    monkeypatch.setattr(strategy_module, "tensors_digest", lambda tensors: digested.append(len(tensors)) or digest(tensors))
    _, stand_ins = _with({}, tmp_path)
    asked = [call[0] for call in stand_ins.calls]
    with_tensors_or_claims = sum(asked.count(action) for action in (wire.ADOPT, wire.REFINE_SHARED, wire.REFINE, wire.EVALUATE))
    assert 0 < len(digested) <= with_tensors_or_claims


def test_a_silent_lead_is_left_out_and_the_next_largest_pretrains(tmp_path: Path) -> None:
    result, stand_ins = _with({(wire.PRETRAIN, "b"): stay_silent}, tmp_path, phase_timeout_s=SHORT_S)
    assert [call[1] for call in stand_ins.calls if call[0] == wire.PRETRAIN] == ["b", "a"]
    assert result.holes() == {(arm, "b") for arm in ARMS - {"images"}}


def test_a_named_lead_has_no_successor(tmp_path: Path) -> None:
    with pytest.raises(QuorumError, match="nobody could pre-train: c: ValueError: c cannot"):
        _with({(wire.PRETRAIN, "c"): fail}, tmp_path, lead="c")


def test_where_every_lead_fails_the_reasons_are_told(tmp_path: Path) -> None:
    with pytest.raises(QuorumError, match=r"nobody could pre-train: a: ValueError: a cannot; b: .*; d: ValueError: d cannot"):
        _with({(wire.PRETRAIN, name): fail for name in "abcd"}, tmp_path)


def test_whoever_cannot_adopt_the_networks_is_left_out(tmp_path: Path) -> None:
    result, stand_ins = _with({(wire.ADOPT, "d"): fail}, tmp_path)
    assert result.holes() == {(arm, "d") for arm in ARMS - {"images"}}
    assert {result.reason(arm, "d") for arm in ARMS - {"images"}} == {"ValueError: d cannot"}
    assert not [call for call in stand_ins.calls if call[1] == "d" and call[0] not in (wire.IDENTIFY, wire.ADOPT)]


def test_fewer_than_the_quorum_end_the_run_with_the_reasons(tmp_path: Path) -> None:
    two = {(wire.ADOPT, name): fail for name in "ab"}
    assert _with(two, tmp_path / "half")[0].reason("alone", "a")
    with pytest.raises(QuorumError, match=r"phase adopt left 2 of 4 entities, wanted at least 3: a: ValueError: a cannot; b: "):
        _with(two, tmp_path / "more", quorum=0.51)


def test_a_silent_entity_costs_one_timeout_and_its_own_cells(tmp_path: Path, whole: Ran) -> None:
    result, stand_ins = _with({(wire.CONTRIBUTE, "d"): stay_silent}, tmp_path, phase_timeout_s=SHORT_S)
    assert result.holes() == {(arm, "d") for arm in ARMS - {RECEIVED, "images"}}
    assert result.reason("alone", "d") == "no answer within 1.6 s in phase contribute"  # two methods, 0.8 s for each
    assert not [call for call in stand_ins.calls if call[1] == "d" and call[0] in (wire.REFINE, "train", wire.EVALUATE)]
    assert result.outcomes[0, "alone", "a"].quality == whole.outcomes[0, "alone", "a"].quality


def test_silence_during_the_evaluation_is_a_reason(tmp_path: Path) -> None:
    result, _ = _with({(wire.EVALUATE, "d"): stay_silent}, tmp_path, phase_timeout_s=SHORT_S)
    assert result.reason("poisoned", "d").startswith("no answer within")
    assert result.holes() == {(arm, "d") for arm in ARMS - {RECEIVED, "images"}}


def _lost(times: int) -> Fault:
    left = {"": times}

    def lose(reply: Reply) -> Reply:
        left[""] -= 1
        if left[""] >= 0:
            raise Loss
        return reply

    return lose


@pytest.mark.parametrize("action", [wire.PRETRAIN, wire.CONTRIBUTE, wire.REFINE_SHARED, wire.EVALUATE, "train"])
def test_a_process_that_dies_changes_no_figure(action: str, tmp_path: Path, whole: Ran) -> None:
    result, _ = _with({(action, "b"): _lost(1)}, tmp_path)
    assert result.quality == whole.quality


def test_what_is_lost_again_and_again_is_a_reason_at_last(tmp_path: Path) -> None:
    result, stand_ins = _with({(wire.REFINE, "c"): _lost(1000)}, tmp_path)
    assert result.holes() == {("alone", "c"), ("poisoned", "c")}
    assert result.reason("alone", "c") == "the process ended"
    assert len([call for call in stand_ins.calls if call[0] == wire.REFINE]) < 30


def test_failures_in_federated_averaging_leave_the_others_average(tmp_path: Path, whole: Ran) -> None:
    result, _ = _with({("train", "c"): fail}, tmp_path)
    assert result.holes() == set()
    assert result.outcomes[0, "FedAvg", "a"].quality != whole.outcomes[0, "FedAvg", "a"].quality
    assert result.outcomes[0, "FedAvg", "c"].costs["seconds"] == 0.0


def test_an_averaging_without_any_update_has_reasons_instead_of_the_leads_figures(tmp_path: Path) -> None:
    result, _ = _with({("train", name): fail for name in "abcd"}, tmp_path)
    assert result.holes() == {("FedAvg", name) for name in "abcd"}
    assert "round 1 of 3 brought no update: a: error 2: ValueError: a cannot; b: " in result.reason("FedAvg", "d")


def test_whoever_is_silent_in_an_averaging_is_not_waited_for_again(tmp_path: Path) -> None:
    stand_ins = StandIns({("train", "d"): stay_silent})
    arms = (*STUDY.arms, AveragingArm(name="FedProx", proximal_mu=0.1))
    result = ran(stand_ins, tmp_path, replace(STUDY, arms=arms, phase_timeout_s=SHORT_S))
    assert len([call for call in stand_ins.calls if call[:2] == ("train", "d")]) == 1  # of sixteen: two seeds, two arms
    assert result.holes() == {(arm.name, "d") for arm in arms} - {("images", "d")}
    assert result.reason("FedAvg", "d", seed=1) == "did not answer within 0.8 s in FedAvg"


@pytest.mark.parametrize(("quorum", "entities", "wanted"), [(0.5, 4, 2), (0.51, 4, 3), (1.0, 4, 4), (0.28, 25, 7), (0.01, 4, 1)])
def test_a_quorum_is_rounded_up(quorum: float, entities: int, wanted: int) -> None:
    shares = replace(ONE.partition, entities=tuple((f"e{number}", 0.01) for number in range(entities)))
    assert quorum_of(replace(ONE, partition=shares, arms=ONE.arms[:3], quorum=quorum)) == wanted


@pytest.fixture
def _toy_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategy_module, "check_networks", check_toy_networks)


def _strategy(folder: Path) -> tuple[DpmSharing, Campaign, StandInGrid]:
    grid = StandInGrid(StandIns())
    campaign = Campaign(ONE, 0, "campaign", IMAGES)
    nodes = dict(zip(ONE.partition.names, grid.get_node_ids(), strict=True))
    return DpmSharing(ONE, [campaign], CampaignLog.open(folder, ONE), nodes, lambda _: None), campaign, grid


@pytest.mark.usefixtures("_toy_networks")
def test_flowers_own_verbs_do_what_they_say(tmp_path: Path) -> None:
    """A loop of one's own over configure and aggregate comes to what `start` comes to."""
    strategy, campaign, grid = _strategy(tmp_path)
    for number in (1, 2):  # pretrain, adopt
        messages = list(strategy.configure_train(number, ArrayRecord(), ConfigRecord(), grid))
        assert strategy.aggregate_train(number, grid.send_and_receive(messages)) == (None, None)
    assert set(campaign.nets) == NETWORKS
    assert list(strategy.configure_train(2, ArrayRecord(), ConfigRecord(), grid)) == []  # all in the log
    for name in ONE.partition.names:
        campaign.shared["FedAvg"] = {"w": torch.zeros(1)}
        assert name in campaign.members
    messages = list(strategy.configure_evaluate(1, ArrayRecord(), ConfigRecord(), grid))
    assert len(messages) == 4
    assert strategy.aggregate_evaluate(1, grid.send_and_receive(messages)) is None
    cells = {(outcome.arm, outcome.entity): outcome for outcome in campaign.outcomes()}
    assert "top1" in cells["FedAvg", "c"].quality


@pytest.mark.usefixtures("_toy_networks")
def test_progress_counts_up_to_the_last_phase(tmp_path: Path) -> None:
    seen = []
    strategy, _, grid = _strategy(tmp_path)
    told: Callable[..., None] = seen.append
    strategy._notify = told
    strategy.start(grid)
    strategy.evaluate(grid)
    assert strategy.last_phase == 4 + 2 + 1 + 1  # two shared rounds, one averaging (by somebody else), the evaluation
    assert [each.number for each in seen] == sorted(each.number for each in seen)
    assert {each.number for each in seen} == {1, 2, 3, 4, 5, 6, 8}
    assert all(each.phases == 8 and 0 <= each.answered <= each.asked for each in seen)
    assert [each.answered for each in seen if each.phase == "adopt"] == [0, 1, 2, 3, 4]
