"""Replies on disk: each comes back as it was or not at all, and a folder belongs to one study."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dpm_flower.core.errors import OutputError, StudyError
from dpm_flower.federation.campaign_log import CampaignLog, ReplyKey
from dpm_flower.federation.wire import Reply
from tests.federation.standing_in import STUDY

KEY = ReplyKey("train.refine", 0, "an arm/with: signs", 1, 2, "a")
REPLY = Reply(
    entity="a",
    images=3,
    envelope='{"é": "\\n"}',
    refused=(("b", "expired"), ("c", "no answer")),
    away=("c",),
    quality={"top1": 0.1},
    costs={"seconds": 1e-9},
    tensors={"y": torch.tensor(0.5), "z": torch.arange(3), "e": torch.zeros(0, 2), "t": torch.arange(6.0).reshape(2, 3).T},
)


def _open(folder: Path) -> CampaignLog:
    return CampaignLog.open(folder, STUDY)


def test_a_reply_comes_back_in_another_process_as_it_was(tmp_path: Path) -> None:
    _open(tmp_path / "new").put(KEY, REPLY)
    log = _open(tmp_path / "new")
    back = log.get(KEY)
    assert back is not None
    assert all(getattr(back, field.name) == getattr(REPLY, field.name) for field in fields(Reply) if field.name != "tensors")
    assert list(back.tensors) == sorted(REPLY.tensors)
    assert all(
        torch.equal(back.tensors[name], tensor) and back.tensors[name].dtype == tensor.dtype for name, tensor in REPLY.tensors.items()
    )
    assert back.tensors["y"].shape == ()


def test_a_reply_of_an_earlier_version_knows_nobody_who_was_merely_away(tmp_path: Path) -> None:
    log = _open(tmp_path)
    facts = {"entity": "a", "images": 3, "envelope": "", "refused": [["b", "expired"]], "quality": {}, "costs": {}}
    save_file({}, tmp_path / KEY.file_name, {"reply": json.dumps(facts)})
    back = log.get(KEY)
    assert back is not None
    assert (back.refused, back.away) == ((("b", "expired"),), ())


def test_the_identifier_stays_and_is_nobody_elses(tmp_path: Path) -> None:
    first, again, other = _open(tmp_path / "a"), _open(tmp_path / "a"), _open(tmp_path / "b")
    assert first.identifier == again.identifier != other.identifier
    assert (first.resumed, again.resumed) == (False, True)


@pytest.mark.parametrize("change", [{"action": "x"}, {"seed": 1}, {"arm": "other"}, {"method": 0}, {"round": 0}, {"entity": "b"}])
def test_every_part_of_a_key_counts(change: dict[str, object], tmp_path: Path) -> None:
    log = _open(tmp_path)
    log.put(KEY, REPLY)
    assert log.get(replace(KEY, **change)) is None  # type: ignore[arg-type]


def test_parts_of_a_key_cannot_be_shifted_into_each_other() -> None:
    names = {ReplyKey("a", seed, arm, 1, 1, "x").file_name for seed, arm in ((1, "11"), (11, "1"), (1, "1"), (111, ""))}
    assert len(names) == 4


def test_a_second_reply_replaces_the_first(tmp_path: Path) -> None:
    log = _open(tmp_path)
    log.put(KEY, REPLY)
    log.put(KEY, replace(REPLY, images=9))
    assert getattr(log.get(KEY), "images", None) == 9
    assert not list(tmp_path.glob("*.partial"))


def test_a_reply_cut_at_any_byte_counts_as_none(tmp_path: Path) -> None:
    log = _open(tmp_path)
    log.put(KEY, REPLY)
    path = tmp_path / KEY.file_name
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        assert log.get(KEY) is None
    path.write_bytes(data)
    assert log.get(KEY) is not None


@pytest.mark.parametrize("told", [None, "no json", "[]", "{}", '{"refused": 3}', '{"refused": [], "surprise": 1}'])
def test_a_reply_without_its_facts_counts_as_none(told: str | None, tmp_path: Path) -> None:
    log = _open(tmp_path)
    save_file({"w": torch.zeros(1)}, tmp_path / KEY.file_name, None if told is None else {"reply": told})
    assert log.get(KEY) is None


def test_what_a_killed_writer_leaves_is_in_nobodys_way(tmp_path: Path) -> None:
    log = _open(tmp_path)
    (tmp_path / KEY.file_name).with_suffix(".partial").write_bytes(b"half")
    assert log.get(KEY) is None
    log.put(KEY, REPLY)
    assert log.get(KEY) is not None


@pytest.mark.parametrize("other", [replace(STUDY, data="elsewhere"), replace(STUDY, arms=STUDY.arms[1:])])
def test_another_study_is_refused(other: object, tmp_path: Path) -> None:
    _open(tmp_path)
    with pytest.raises(StudyError, match="choose another output folder"):
        CampaignLog.open(tmp_path, other)  # type: ignore[arg-type]


def test_other_seeds_belong_to_the_same_campaign(tmp_path: Path) -> None:
    first = _open(tmp_path)
    again = CampaignLog.open(tmp_path, replace(STUDY, seeds=(5, *STUDY.seeds)))
    assert again.resumed
    assert again.identifier == first.identifier


@pytest.mark.parametrize("head", ["", "{}", "[]", '{"study": 1'])
def test_a_damaged_head_is_refused(head: str, tmp_path: Path) -> None:
    _open(tmp_path)
    (tmp_path / "campaign.json").write_text(head)
    with pytest.raises(StudyError, match="damaged"):
        _open(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        _open(tmp_path / "file" / "folder")
    log = _open(tmp_path / "log")
    (tmp_path / "log" / KEY.file_name).mkdir()
    assert log.get(KEY) is None
    with pytest.raises(OutputError, match="cannot write"):
        log.put(KEY, REPLY)
    (tmp_path / "log" / "spent.json").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        log.note_spent(1.0)


def test_the_time_spent_is_kept_and_its_loss_costs_nothing_else(tmp_path: Path) -> None:
    assert _open(tmp_path).spent_s() == 0.0
    _open(tmp_path).note_spent(12.5)
    assert _open(tmp_path).spent_s() == 12.5
    for damaged in ("", "[]", json.dumps({"seconds": "x"})):
        (tmp_path / "spent.json").write_text(damaged)
        assert _open(tmp_path).spent_s() == 0.0


def test_tensors_that_the_format_does_not_know_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write the campaign"):
        _open(tmp_path).put(KEY, replace(REPLY, tensors={"z": torch.zeros(2, dtype=torch.complex128)}))
    assert _open(tmp_path).get(KEY) is None
