"""The circumstances of a run, read off its data and this machine."""

import os
import platform
from dataclasses import replace

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.data.sources import load
from dpm_flower.federation.opening import division_of
from dpm_flower.studies import circumstances
from dpm_flower.studies.circumstances import PACKAGES, circumstances_of, facts_of, machine
from tests.small_study import STUDY


def test_the_counts_are_those_of_the_images() -> None:
    division = division_of(STUDY.data, STUDY.side, STUDY.partition, 0)
    facts = facts_of(STUDY, division, 12.5, "the command")
    held = {holding.entity: holding.counts for holding in facts.holdings}
    assert list(held) == list(STUDY.partition.names)
    for name, own in division.entities.items():
        for number in range(len(facts.classes)):
            wanted = int((own.train.labels == number).sum()) + int((own.validation.labels == number).sum())
            assert held[name][number] == wanted
    assert sum(facts.public) == len(division.public)
    assert {test.images for test in facts.tests.values()} == {len(division.test)}
    shares = [int((division.test.labels == number).sum()) / len(division.test) for number in range(10)]
    assert facts.tests["a"].trivial == max(shares)
    assert (facts.wall_s, facts.command, facts.holdings_seed) == (12.5, "the command", 0)
    assert set(facts.versions) == {"python", *PACKAGES}
    assert facts.made_at.endswith("+00:00")
    everything = sum(facts.public) + sum(sum(counts) for counts in held.values()) + sum(facts.left_out.values())
    assert everything == len(load(STUDY.data, STUDY.side).train)
    assert facts.left_out["held by nobody"] > 0
    assert all(facts.left_out.values())


def test_circumstances_change_with_who_holds_what() -> None:
    again = replace(STUDY, pictures=STUDY.pictures + 1)
    other = replace(STUDY, partition=replace(STUDY.partition, validation=0.3))  # neither public nor test images change
    assert circumstances_of(STUDY) == circumstances_of(again) != circumstances_of(other)


def test_the_machine_is_told_in_words() -> None:
    told = machine(replace(STUDY, device="cpu", precision="float32", threads=3, lead_threads=2))
    assert told["precision"] == "float32"
    assert told["CPU cores"] == str(os.cpu_count())
    assert (told["threads per client"], told["threads of the pre-training"]) == ("3", "2")
    assert told["device"]
    assert "bfloat16" in machine(replace(STUDY, device="cpu", precision="bfloat16"))["precision"]


def test_a_system_that_does_not_name_its_processor_has_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(circumstances, "open", missing, raising=False)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert machine(replace(STUDY, device="cpu"))["device"] == "CPU"


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingError, match="cuda:99"):
        machine(replace(STUDY, device="cuda:99"))
