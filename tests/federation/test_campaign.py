"""What a campaign asks next, and what it makes of the answers, without any message."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.core.arms import RECEIVED, SharingArm
from dpm_flower.federation import wire
from dpm_flower.federation.campaign import Ask, Campaign
from dpm_flower.federation.wire import Reply
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from tests.federation.standing_in import IMAGES, STUDY

ONE = replace(STUDY, seeds=(0,))
NETS = {"featurizer.w": torch.ones(1), "decider.w": torch.zeros(2), "reconstructor.w": torch.ones(3)}


def _campaign() -> Campaign:
    return Campaign(ONE, 0, "id-s0", IMAGES)


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


def _with_arms(*arms: SharingArm) -> Campaign:
    campaign = Campaign(replace(ONE, arms=arms), 0, "id-s0", IMAGES)
    (ask,) = campaign.pretrain_asks()
    campaign.take(ask, Reply(entity="b", tensors=NETS))
    return campaign


def test_only_the_senders_of_some_arm_contribute_and_only_theirs_are_used() -> None:
    method, small = DeepPoisoning(), DeepPoisoning(blocks=1)
    campaign = _with_arms(
        SharingArm(name="a to c", method=method, senders=("a",), receivers=("c",)),
        SharingArm(name="own small d", method=method, senders=("a", "d"), receivers=("c", "d"), exceptions=(("d", small),)),
    )
    assert [(ask.request.method, ask.entity) for ask in campaign.contribute_asks()] == [(0, "a"), (1, "d")]
    _contribute(campaign)
    claims = {(ask.request.arm, ask.entity): ask.request.claims for ask in campaign.refine_asks()}
    assert claims == {
        ("a to c", "c"): (("a", "0 of a"),),
        ("own small d", "c"): (("a", "0 of a"), ("d", "1 of d")),
        ("own small d", "d"): (("a", "0 of a"), ("d", "1 of d")),
    }


def test_nobody_misses_the_release_of_who_does_not_send() -> None:
    campaign = _with_arms(SharingArm(name="a to c", method=DeepPoisoning(), senders=("a",), receivers=("c",)))
    _contribute(campaign)
    for asks in (campaign.refine_asks, campaign.evaluate_asks):
        for ask in list(asks()):
            campaign.take(ask, Reply(entity=ask.entity, quality={"top1": 0.5}))
    (outcome,) = [each for each in campaign.outcomes() if each.arm == "a to c" and each.entity == "c"]
    assert (outcome.reason, outcome.remark) == ("", "")


def test_an_arm_that_nobody_refines_in_has_the_figures_of_its_releases() -> None:
    campaign = _with_arms(SharingArm(name="judged", method=DeepPoisoning(), refine="none"))
    _contribute(campaign)
    assert list(campaign.refine_asks()) == list(campaign.evaluate_asks()) == []
    judged = [outcome for outcome in campaign.outcomes() if outcome.arm == "judged"]
    assert [(outcome.entity, outcome.reason, outcome.costs["bytes_sent"]) for outcome in judged] == [(name, "", 5.0) for name in "abcd"]


def test_an_arm_that_nobody_refines_in_says_who_released_nothing() -> None:
    campaign = _with_arms(SharingArm(name="judged", method=DeepPoisoning(), refine="none", senders=("a", "b", "c")))
    campaign.leave_out("c", "gone")
    _contribute(campaign, "b")
    reasons = {outcome.entity: outcome.reason for outcome in campaign.outcomes() if outcome.arm == "judged"}
    assert reasons == {"a": "", "b": "no", "c": "gone", "d": ""}  # nobody waits for a release of d


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
    assert campaign.close_round(1) == []
    second = list(campaign.shared_asks(2))
    assert [(ask.action, ask.entity, ask.request.round) for ask in second[4:]] == [(wire.EVALUATE, "b", 1)]  # the average of round 1
    assert all(torch.equal(ask.request.tensors["w"], torch.full((2,), 2.0)) for ask in second)
    campaign.take(second[0], Reply(entity="a", images=1, tensors={"w": torch.full((2,), float("nan"))}, costs={"seconds": 1.0}))
    for ask in second[1:3]:
        campaign.take(ask, Reply(entity=ask.entity, images=1, tensors={"w": torch.full((2,), 2.0)}))
    campaign.take(second[3], "no memory")
    left_out, missing = campaign.close_round(2)
    assert left_out.startswith("shared: the update of a was left out: w is not finite")
    assert missing == "shared: the update of d is missing: no memory"
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


def _shared_to_its_end() -> Campaign:
    campaign = _adopted()
    _contribute(campaign)
    for number in (1, 2):
        for ask in list(campaign.shared_asks(number)):
            quality = {"top1": 0.1 * ask.request.round} if ask.action == wire.EVALUATE else {}
            costs = {"seconds": 2.0, "bytes_sent": 3.0}
            campaign.take(ask, Reply(entity=ask.entity, images=1, tensors={"w": torch.ones(2)}, quality=quality, costs=costs))
        campaign.close_round(number)
    for ask in list(campaign.evaluate_asks()):
        campaign.take(ask, Reply(entity=ask.entity, quality={"top1": 0.9}))
    return campaign


def test_the_rounds_of_a_shared_decider_begin_with_the_release_and_end_in_the_arms_own_figures() -> None:
    campaign = _shared_to_its_end()
    judge, other = _outcome(campaign, "shared", "b"), _outcome(campaign, "shared", "a")
    assert [figures.quality for figures in judge.rounds] == [{"top1": 0.1}, judge.quality]
    assert [figures.quality for figures in other.rounds] == [{}, {}]
    for outcome in (judge, other):
        assert [figures.costs["bytes_sent"] for figures in outcome.rounds] == [5.0 + 3.0, 5.0 + 6.0]
        assert outcome.costs["bytes_sent"] == outcome.rounds[-1].costs["bytes_sent"]
        assert outcome.costs["seconds"] == outcome.rounds[-1].costs["seconds"] == 4.0


def test_arms_that_average_nothing_have_no_rounds() -> None:
    campaign = _shared_to_its_end()
    assert {outcome.arm for outcome in campaign.outcomes() if outcome.rounds} == {"shared"}


def test_a_round_is_evaluated_by_the_largest_of_the_receivers_that_are_left() -> None:
    campaign = _adopted()
    arm = ONE.arm("FedAvg")
    tensors = {"w": torch.ones(1)}
    (ask,) = campaign.round_asks(arm, 2, tensors)
    assert (ask.action, ask.entity, ask.request.round, ask.request.rounds) == (wire.EVALUATE, "b", 2, 3)
    assert ask.request.tensors is tensors
    campaign.leave_out("b", "gone")
    assert [ask.entity for ask in campaign.round_asks(arm, 2, tensors)] == ["a"]
    receivers = replace(ONE.arm("shared"), receivers=("d",))
    assert [ask.entity for ask in campaign.round_asks(receivers, 1, tensors)] == ["d"]
    for name in "acd":
        campaign.leave_out(name, "gone")
    assert list(campaign.round_asks(arm, 2, tensors)) == []


def test_a_round_that_could_not_be_evaluated_costs_the_arm_nothing() -> None:
    campaign = _adopted()
    campaign.shared["FedAvg"] = {"w": torch.ones(1)}
    (ask,) = campaign.round_asks(ONE.arm("FedAvg"), 1, {"w": torch.ones(1)})
    campaign.take(ask, "no memory")
    assert _outcome(campaign, "FedAvg", "b").reason == "was not asked: nothing to evaluate"
    for last in list(campaign.evaluate_asks()):
        campaign.take(last, Reply(entity=last.entity, quality={"top1": 0.5}))
    assert [figures.quality for figures in _outcome(campaign, "FedAvg", "b").rounds] == [{}, {}, {"top1": 0.5}]
