"""A study that was interrupted anywhere comes to the same figures, and nobody is asked twice; the order of replies changes nothing."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dpm_flower.core.errors import OutputError, PeerError, QuorumError, StudyError
from dpm_flower.federation import presence, wire
from dpm_flower.federation.campaign_log import CampaignLog, ReplyKey
from dpm_flower.federation.replies import MAX_FAILURES
from dpm_flower.federation.wire import Reply
from dpm_flower.studies import run as study_run
from dpm_flower.studies.circumstances import circumstances_of
from tests.federation.standing_in import STUDY, Fault, Killed, Ran, StandInGrid, StandIns, fail, ran

ONE = replace(STUDY, seeds=(0,))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, StandIns]:
    """An undisturbed run of one seed."""
    stand_ins = StandIns()
    return ran(stand_ins, tmp_path_factory.mktemp("whole"), ONE), stand_ins


def _kill(at: int, folder: Path) -> StandIns:
    stand_ins = StandIns()
    with pytest.raises(Killed):
        ran(stand_ins, folder, ONE, dies_at=at)
    return stand_ins


def test_a_run_killed_anywhere_goes_on_to_the_same_figures_and_asks_nobody_twice(tmp_path: Path, whole: tuple[Ran, StandIns]) -> None:
    result, undisturbed = whole
    for at in range(1, len(undisturbed.calls), 3):
        folder = tmp_path / str(at)
        before, after = _kill(at, folder), StandIns()
        again = ran(after, folder, ONE)
        assert again.quality == result.quality, f"killed at answer {at}"
        assert again.curves == result.curves, f"killed at answer {at}"  # with its costs, which stand-ins make up
        answered = [call for call in before.calls if call[0] not in (wire.IDENTIFY, "train")]
        asked = [call for call in after.calls if call[0] not in (wire.IDENTIFY, "train")]
        assert sorted(answered + asked) == sorted(call for call in undisturbed.calls if call[0] not in (wire.IDENTIFY, "train"))
        rounds = [call for call in before.calls if call[0] == "train"]
        assert len([call for call in after.calls if call[0] == "train"]) == 12 - len(rounds) // 4 * 4  # whole rounds stay


def test_a_run_killed_again_and_again_arrives(tmp_path: Path, whole: tuple[Ran, StandIns]) -> None:
    killed = 0
    while True:
        try:
            last = ran(StandIns(), tmp_path, ONE, dies_at=4 + 8)  # the identification, two rounds of averaging
        except Killed:
            killed += 1
            assert killed < 20
            continue
        break
    assert killed > 3
    assert last.quality == whole[0].quality


def test_a_finished_run_is_told_again_without_asking_anything_but_names(tmp_path: Path, whole: tuple[Ran, StandIns]) -> None:
    ran(StandIns(), tmp_path, ONE)
    again = StandIns()
    assert ran(again, tmp_path, ONE).quality == whole[0].quality
    assert {call[0] for call in again.calls} == {wire.IDENTIFY}


def test_what_failed_is_asked_again_and_only_that(tmp_path: Path, whole: tuple[Ran, StandIns]) -> None:
    assert ran(StandIns({(wire.REFINE, "c"): fail}), tmp_path, ONE).holes() == {("alone", "c"), ("poisoned", "c")}
    again = StandIns()
    assert ran(again, tmp_path, ONE).quality == whole[0].quality
    assert [call[:2] for call in again.calls if call[0] != wire.IDENTIFY] == [(wire.REFINE, "c")] * 2 + [(wire.EVALUATE, "c")] * 2


def _without(*away: str) -> Fault:
    """A refinement that went without b's release, because it was away or because it was refused for good."""
    return lambda reply: replace(reply, refused=(("b", "no answer within 9 s"),), away=away)


def test_who_went_without_a_peer_that_was_away_is_asked_again_when_the_run_goes_on(tmp_path: Path, whole: tuple[Ran, StandIns]) -> None:
    first = ran(StandIns({(wire.REFINE, "c"): _without("b")}), tmp_path, ONE)
    assert first.outcomes[0, "poisoned", "c"].remark == "without the release of b: no answer within 9 s"
    again = StandIns()
    second = ran(again, tmp_path, ONE)
    assert [call[:2] for call in again.calls if call[0] != wire.IDENTIFY] == [(wire.REFINE, "c")] * 2 + [(wire.EVALUATE, "c")]
    assert [call[3] for call in again.calls if call[0] == wire.EVALUATE] == ["poisoned"]  # the other arm has no release of b's
    assert second.outcomes[0, "poisoned", "c"].remark == ""
    assert second.quality == whole[0].quality
    third = StandIns()
    ran(third, tmp_path, ONE)
    assert {call[0] for call in third.calls} == {wire.IDENTIFY}


def test_a_peer_that_stays_away_changes_nothing_and_its_evaluation_stands(tmp_path: Path) -> None:
    first = ran(StandIns({(wire.REFINE, "c"): _without("b")}), tmp_path, ONE)
    again = StandIns({(wire.REFINE, "c"): _without("b")})
    assert ran(again, tmp_path, ONE).quality == first.quality
    assert [call[:2] for call in again.calls if call[0] != wire.IDENTIFY] == [(wire.REFINE, "c")] * 2


def test_a_release_that_was_refused_for_good_is_not_asked_for_again(tmp_path: Path) -> None:
    ran(StandIns({(wire.REFINE, "c"): _without()}), tmp_path, ONE)
    again = StandIns()
    assert ran(again, tmp_path, ONE).outcomes[0, "poisoned", "c"].remark == "without the release of b: no answer within 9 s"
    assert {call[0] for call in again.calls} == {wire.IDENTIFY}


def test_where_the_second_try_fails_the_first_answer_stands(tmp_path: Path) -> None:
    first = ran(StandIns({(wire.REFINE, "c"): _without("b")}), tmp_path, ONE)
    second = ran(StandIns({(wire.REFINE, "c"): fail}), tmp_path, ONE)
    assert second.quality == first.quality
    assert second.outcomes[0, "poisoned", "c"].remark == first.outcomes[0, "poisoned", "c"].remark
    assert second.holes() == set()


def test_the_rounds_of_a_shared_decider_stay_whoever_was_away_in_them(tmp_path: Path) -> None:
    """Each later round asks for the release again; the whole averaging from there on would be another one."""
    ran(StandIns({(wire.REFINE_SHARED, "c"): _without("b")}), tmp_path, ONE)
    again = StandIns()
    ran(again, tmp_path, ONE)
    assert {call[0] for call in again.calls} == {wire.IDENTIFY}


@pytest.mark.parametrize("damage", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", None])
def test_a_damaged_reply_is_asked_for_again(damage: bytes | None, tmp_path: Path, whole: tuple[Ran, StandIns]) -> None:
    ran(StandIns(), tmp_path, ONE)
    damaged = []
    for action in (wire.PRETRAIN, wire.CONTRIBUTE, wire.REFINE_SHARED, wire.EVALUATE):
        path = min((tmp_path / "campaign").glob(f"{action}-*"))
        path.write_bytes(path.read_bytes()[:-5] if damage is None else damage)
        damaged.append(action)
    again = StandIns()
    assert ran(again, tmp_path, ONE).quality == whole[0].quality
    assert sorted(call[0] for call in again.calls if call[0] != wire.IDENTIFY) == sorted(damaged)


def test_a_damaged_round_of_averaging_is_run_again_from_the_one_before(tmp_path: Path, whole: tuple[Ran, StandIns]) -> None:
    ran(StandIns(), tmp_path, ONE)
    log = CampaignLog.open(tmp_path / "campaign", ONE, circumstances_of(ONE))
    for number in (2, 3):
        key = ReplyKey("train", 0, "FedAvg", 0, number, "server")
        assert log.get(key) is not None
        (tmp_path / "campaign" / key.file_name).write_bytes(b"")
    again = StandIns()
    assert ran(again, tmp_path, ONE).quality == whole[0].quality
    assert {call[5] for call in again.calls if call[0] == "train"} == {2, 3}


def test_the_networks_that_were_adopted_stay_whoever_would_be_the_lead_now(tmp_path: Path) -> None:
    """At first b cannot pre-train and a does; in the second run b could."""
    first = ran(StandIns({(wire.PRETRAIN, "b"): fail, (wire.EVALUATE, "d"): fail}), tmp_path, ONE)
    again = StandIns()
    second = ran(again, tmp_path, ONE)
    assert not [call for call in again.calls if call[0] == wire.PRETRAIN]
    assert second.outcomes[0, "alone", "a"].quality == first.outcomes[0, "alone", "a"].quality
    assert second.holes() == set()


def test_another_study_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    ran(StandIns(), tmp_path, ONE)
    with pytest.raises(StudyError, match="campaign of other settings"):
        ran(StandIns(), tmp_path, replace(ONE, refine=replace(ONE.refine, steps=77)))


def test_seeds_that_are_added_run_alone_and_give_what_a_run_of_all_gives(tmp_path: Path) -> None:
    two = replace(ONE, seeds=(0, 1))
    whole = ran(StandIns(), tmp_path / "whole", two)
    ran(StandIns(), tmp_path / "grown", ONE)
    again = StandIns()
    assert ran(again, tmp_path / "grown", two).quality == whole.quality
    assert {call[2] for call in again.calls if call[0] != wire.IDENTIFY} == {1}


def test_the_time_of_all_runs_adds_up(tmp_path: Path) -> None:
    def wall_s() -> float:
        return float(json.loads((tmp_path / "results.json").read_text())["facts"]["wall_s"])

    _kill(30, tmp_path)
    log = CampaignLog.open(tmp_path / "campaign", ONE, circumstances_of(ONE))
    assert 0 < log.spent_s() < 60
    log.note_spent(1000.0)
    ran(StandIns(), tmp_path, ONE)
    assert 1000 < wall_s() < 1060
    assert log.spent_s() == wall_s()
    ran(StandIns(), tmp_path, ONE)
    assert 1000 < wall_s() < 1120


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_replies_changes_no_byte(seed: int, tmp_path: Path, whole: tuple[Ran, StandIns]) -> None:
    stand_ins = StandIns()
    assert ran(stand_ins, tmp_path, ONE, order=torch.Generator().manual_seed(seed)).quality == whole[0].quality
    assert stand_ins.calls != whole[1].calls


def test_the_seeds_of_a_study_do_not_touch_each_other(tmp_path: Path, whole: tuple[Ran, StandIns]) -> None:
    both = ran(StandIns(), tmp_path).quality.splitlines()
    alone = whole[0].quality.splitlines()
    assert [line for line in both if not line.startswith(b"1,")] == alone
    assert len(both) == 2 * len(alone) - 1


def test_every_seed_has_the_lead_that_it_has_alone(tmp_path: Path) -> None:
    """Under seed 0 b has the most images, under seed 1 c: as where images are dealt anew for each seed."""
    images = {1: {"a": 20, "b": 10, "c": 40, "d": 5}}
    both = StandIns(images=images)
    together = ran(both, tmp_path / "both").quality.splitlines()
    assert [call[1:3] for call in both.calls if call[0] == wire.PRETRAIN] == [("b", 0), ("c", 1)]
    for seed in (0, 1):
        alone = ran(StandIns(images=images), tmp_path / str(seed), replace(STUDY, seeds=(seed,))).quality.splitlines()
        assert [line for line in together if line.startswith(b"%d," % seed)] == alone[1:]


def test_the_pictures_are_those_of_the_first_seeds_largest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(study_run, "pictures_of", lambda study, campaign, folder, name: shown.append(name) or [])
    for seeds in ((0, 1), (1, 0)):
        images = {1: {"a": 20, "b": 10, "c": 40, "d": 5}}
        ran(StandIns(images=images), tmp_path / str(seeds[0]), replace(STUDY, seeds=seeds))
    assert shown == ["b", "c"]


def test_a_run_with_one_site_shows_no_pictures_whatever_its_run_config_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(study_run, "pictures_of", lambda study, campaign, folder, name: shown.append(name) or [])
    ran(StandIns({(wire.IDENTIFY, "d"): lambda reply: replace(reply, deployed=True)}), tmp_path / "site", ONE)
    assert shown == []
    ran(StandIns(), tmp_path / "simulation", ONE)
    assert shown == ["b"]


def test_whose_update_is_missing_stands_beside_the_figures_also_after_a_resume(tmp_path: Path) -> None:
    faults = {("train", "c"): fail, (wire.REFINE_SHARED, "d"): fail}
    first = ran(StandIns(faults), tmp_path, ONE)
    wanted = {
        "FedAvg": "the update of c is missing: error 2: ValueError: c cannot (rounds 1-3)",
        "shared": "the update of d is missing: ValueError: d cannot (rounds 1-2)",
    }
    again = ran(StandIns(faults), tmp_path, ONE)
    for result in (first, again):
        assert {arm: result.outcomes[0, arm, "a"].remark for arm in wanted} == wanted
        assert result.outcomes[0, "alone", "a"].remark == ""


def _as(name: str):
    return lambda reply: replace(reply, entity=name)


def test_nodes_that_say_they_are_somebody_else_are_left_out(tmp_path: Path) -> None:
    faults = {(wire.IDENTIFY, "c"): _as("stranger"), (wire.IDENTIFY, "d"): fail}
    result = ran(StandIns(faults), tmp_path, ONE)
    assert {entity for _, entity in result.holes()} == {"c", "d"}
    assert result.reason("alone", "c") == "did not answer when the run began"


def test_of_two_nodes_with_one_name_neither_is_believed(tmp_path: Path) -> None:
    result = ran(StandIns({(wire.IDENTIFY, "d"): _as("c")}), tmp_path, ONE)
    assert {entity for _, entity in result.holes()} == {"c", "d"}


def test_too_few_entities_end_the_run_with_what_they_said(tmp_path: Path) -> None:
    faults = {(wire.IDENTIFY, "b"): _as("stranger"), (wire.IDENTIFY, "c"): fail, (wire.IDENTIFY, "d"): fail}
    with pytest.raises(QuorumError, match=r"wanted at least 2 of 4 entities, got 1 of 4 nodes; ValueError: c cannot; .*; no entity"):
        ran(StandIns(faults), tmp_path, ONE)


def test_nodes_that_do_not_come_up_are_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "CONNECT_S", 0.2)
    result = ran(StandIns(names=("a", "b", "c")), tmp_path, ONE)
    assert {entity for _, entity in result.holes()} == {"d"}


def test_nodes_that_come_up_late_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "POLL_S", 0.01)
    real, looks = StandInGrid.get_node_ids, []

    def late(grid: StandInGrid) -> Iterable[int]:
        looks.append(1)
        return list(real(grid))[: len(looks)]

    monkeypatch.setattr(StandInGrid, "get_node_ids", late)
    assert ran(StandIns(), tmp_path, replace(ONE, arms=ONE.arms[:1])).holes() == set()


@pytest.mark.parametrize("failures", [2, MAX_FAILURES])
def test_a_superlink_that_cannot_say_who_is_there_is_asked_again_and_not_without_end(
    failures: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, looks = StandInGrid.get_node_ids, []

    def restarting(grid: StandInGrid) -> Iterable[int]:
        looks.append(1)
        if len(looks) <= failures:
            raise ConnectionError("connection refused")
        return real(grid)

    monkeypatch.setattr(presence, "POLL_S", 0.001)
    monkeypatch.setattr(StandInGrid, "get_node_ids", restarting)
    one_arm = replace(ONE, arms=ONE.arms[:1])
    if failures < MAX_FAILURES:
        assert ran(StandIns(), tmp_path, one_arm).holes() == set()
        return
    with pytest.raises(PeerError, match="8 questions in a row for the nodes that are there failed: connection refused"):
        ran(StandIns(), tmp_path, one_arm)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        ran(StandIns(), tmp_path / "file", ONE)


def test_a_disk_that_fills_up_ends_the_run_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(log: CampaignLog, key: ReplyKey, reply: Reply) -> None:
        raise OutputError("no space left")

    monkeypatch.setattr(CampaignLog, "put", full)
    with pytest.raises(OutputError, match="no space left"):
        ran(StandIns(), tmp_path, ONE)
