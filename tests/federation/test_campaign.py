"""What a campaign asks next, and what it makes of the answers, without any message."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.core.arms import RECEIVED
from dpm_flower.federation import wire
from dpm_flower.federation.campaign import Ask, Campaign
from dpm_flower.federation.wire import Reply
from tests.federation.standing_in import STUDY

ONE = replace(STUDY, seeds=(0,))
NETS = {"featurizer.w": torch.ones(1), "decider.w": torch.zeros(2), "reconstructor.w": torch.ones(3)}


def _campaign() -> Campaign:
    return Campaign(ONE, 0, "id-s0", ["a", "b", "c", "d"], ["b", "a", "c", "d"])


def _adopted() -> Campaign:
    campaign = _campaign()
    (ask,) = campaign.pretrain_asks()
    campaign.take(ask, Reply(entity="b", tensors=NETS))
    return campaign


def _asked(asks: object) -> list[tuple[str, str]]:
    return [(ask.entity, ask.request.arm) for ask in asks]  # type: ignore[attr-defined]


def _contribute(campaign: Campaign, *without: str) -> None:
    for ask in list(campaign.contribute_asks()):
        name, number = ask.entity, ask.request.method
        campaign.take(ask, "no" if name in without else Reply(entity=name, envelope=f"{number} of {name}", costs={"bytes_sent": 5.0}))


def test_one_lead_after_the_other_until_there_are_networks() -> None:
    campaign = _campaign()
    for name in ("b", "a", "c"):
        (ask,) = campaign.pretrain_asks()
        assert ask.entity == name
        campaign.take(ask, f"{name} has no memory left")
    assert campaign.reasons() == [(name, f"{name} has no memory left") for name in "abc"]
    assert campaign.members == ["a", "b", "c", "d"]  # who cannot pre-train can still take part
    campaign.leave_out("d", "gone")
    assert list(campaign.pretrain_asks()) == []
    assert list(_adopted().pretrain_asks()) == []


def test_everybody_adopts_the_leads_networks() -> None:
    asks = list(_adopted().adopt_asks())
    assert [ask.entity for ask in asks] == ["a", "b", "c", "d"]
    assert all(ask.request.tensors is NETS for ask in asks)


def test_each_distinct_method_that_shares_is_contributed_once() -> None:
    asks = list(_adopted().contribute_asks())
    assert [(ask.request.method, ask.entity) for ask in asks] == [(number, name) for number in (1, 2) for name in "abcd"]
    assert [ONE.methods[number].name for number in (0, 1, 2)] == ["nothing", "deep-poisoning", "raw-images"]


def test_receivers_get_the_claims_of_their_arms_method_in_order() -> None:
    campaign = _adopted()
    _contribute(campaign, "c")
    asks = {(ask.request.arm, ask.entity): ask.request.claims for ask in campaign.refine_asks()}
    assert set(asks) == {(arm, name) for arm in ("alone", "poisoned") for name in "abcd"} | {("images", "a")}
    assert asks["alone", "a"] == ()
    assert asks["poisoned", "d"] == (("a", "1 of a"), ("b", "1 of b"), ("d", "1 of d"))
    assert asks["images", "a"] == (("a", "2 of a"), ("b", "2 of b"), ("d", "2 of d"))


def test_a_release_counts_even_if_its_sender_has_left_since() -> None:
    campaign = _adopted()
    _contribute(campaign)
    campaign.leave_out("c", "gone")
    asks = list(campaign.refine_asks())
    assert "c" not in {ask.entity for ask in asks}
    assert all("c" in dict(ask.request.claims) for ask in asks if ask.request.arm == "poisoned")


def test_shared_rounds_start_from_the_received_decider_and_go_on_from_the_average() -> None:
    campaign = _adopted()
    _contribute(campaign)
    first = list(campaign.shared_asks(1))
    assert all(torch.equal(ask.request.tensors["w"], torch.zeros(2)) for ask in first)
    assert {(ask.request.round, ask.request.rounds) for ask in first} == {(1, 2)}
    for ask, value in zip(first, (1.0, 2.0, 3.0, 2.0), strict=True):
        campaign.take(ask, Reply(entity=ask.entity, images=1, tensors={"w": torch.full((2,), value)}, costs={"seconds": 1.0}))
    assert campaign.close_round() == []
    second = list(campaign.shared_asks(2))
    assert all(torch.equal(ask.request.tensors["w"], torch.full((2,), 2.0)) for ask in second)
    campaign.take(second[0], Reply(entity="a", images=1, tensors={"w": torch.full((2,), float("nan"))}, costs={"seconds": 1.0}))
    (remark,) = campaign.close_round()
    assert remark.startswith("shared: the update of a was left out")
    assert list(campaign.shared_asks(3)) == []


def test_only_what_came_to_something_is_evaluated() -> None:
    campaign = _adopted()
    assert list(campaign.evaluate_asks()) == []
    _contribute(campaign)
    for ask in list(campaign.refine_asks()):
        campaign.take(ask, "no" if ask.entity == "c" else Reply(entity=ask.entity))
    campaign.shared["FedAvg"] = {"featurizer.w": torch.ones(1)}
    asked = _asked(campaign.evaluate_asks())
    assert asked == [(name, "alone") for name in "abd"] + [(name, "poisoned") for name in "abd"] + [("a", "images")] + [
        (name, "FedAvg") for name in "abcd"
    ]


def test_an_arm_without_any_release_of_a_peer_has_a_reason_and_no_figures() -> None:
    campaign = _adopted()
    _contribute(campaign, "b", "c", "d")
    asked = _asked(campaign.refine_asks())
    assert ("a", "poisoned") not in asked
    assert ("b", "poisoned") in asked
    assert ("a", "alone") in asked
    assert _outcome(campaign, "poisoned", "a").reason == "no other entity released anything to refine on"


def test_figures_say_whose_releases_they_went_without() -> None:
    campaign = _adopted()
    _contribute(campaign, "c")
    for ask in list(campaign.refine_asks()):
        refused = (("d", "expired"),) if ask.entity == "a" and ask.request.arm == "poisoned" else ()
        campaign.take(ask, Reply(entity=ask.entity, refused=refused))
    for ask in list(campaign.evaluate_asks()):
        campaign.take(ask, Reply(entity=ask.entity, quality={"top1": 0.5}))
    assert _outcome(campaign, "poisoned", "a").remark == "without the release of c: no; without the release of d: expired"
    assert _outcome(campaign, "poisoned", "b").remark == "without the release of c: no"
    assert _outcome(campaign, "poisoned", "b").quality["top1"] == 0.5
    assert _outcome(campaign, "alone", "a").remark == ""


def _outcome(campaign: Campaign, arm: str, entity: str):
    (found,) = [outcome for outcome in campaign.outcomes() if (outcome.arm, outcome.entity) == (arm, entity)]
    return found


def test_every_arm_and_entity_has_one_outcome_with_figures_or_a_reason() -> None:
    campaign = _campaign()
    outcomes = list(campaign.outcomes())
    cells = [(outcome.arm, outcome.entity) for outcome in outcomes]
    assert cells == [(arm, name) for arm in (RECEIVED, *(arm.name for arm in ONE.arms)) for name in "abcd"]
    assert all(outcome.reason for outcome in outcomes if outcome.arm != "images" or outcome.entity == "a")


@pytest.mark.parametrize(
    ("action", "arm", "told"),
    [(wire.REFINE, "poisoned", "no memory"), (wire.REFINE_SHARED, "shared", "no memory"), (wire.EVALUATE, "FedAvg", "no memory")],
)
def test_the_reason_is_that_of_the_step_that_failed(action: str, arm: str, told: str) -> None:
    campaign = _adopted()
    campaign.take(Ask(action, "c", wire.Request(campaign="id", arm=arm)), told)
    assert _outcome(campaign, arm, "c").reason == told
    assert _outcome(campaign, arm, "a").reason == "was not asked: nothing to evaluate"


def test_an_evaluation_outlives_an_earlier_failure() -> None:
    campaign = _adopted()
    request = wire.Request(campaign="id", arm="shared")
    campaign.take(Ask(wire.REFINE_SHARED, "c", request), "no memory")
    campaign.take(Ask(wire.EVALUATE, "c", request), Reply(entity="c", quality={"top1": 0.5}, tensors={"correct": torch.tensor([1, 0])}))
    outcome = _outcome(campaign, "shared", "c")
    assert outcome.reason == ""
    assert outcome.quality == {"top1": 0.5}
    assert outcome.correct is not None
    assert outcome.correct.dtype == torch.bool


def test_who_was_left_out_says_why_wherever_nothing_else_does() -> None:
    campaign = _adopted()
    campaign.leave_out("d", "silent")
    campaign.leave_out("d", "later reasons do not count")
    assert {outcome.reason for outcome in campaign.outcomes() if outcome.entity == "d"} == {"silent", ""}
    assert _outcome(campaign, "alone", "d").reason == "silent"


def test_an_arm_that_came_to_nothing_says_why_for_everybody() -> None:
    campaign = _adopted()
    campaign.give_up("FedAvg", "no update")
    assert {_outcome(campaign, "FedAvg", name).reason for name in "abcd"} == {"no update"}
    assert list(campaign.evaluate_asks()) == []
