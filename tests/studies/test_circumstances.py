"""The circumstances of a run, read off its data and this machine."""

import os
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dpm_flower.core.compute import Compute
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.data.sources import load
from dpm_flower.federation.judged_on import JudgedOn
from dpm_flower.federation.opening import division_of
from dpm_flower.federation.presence import Present
from dpm_flower.studies import circumstances
from dpm_flower.studies.circumstances import PACKAGES, circumstances_of, facts_of, machine_of
from dpm_flower.studies.facts import TestSet
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


def test_what_entities_brought_is_told_apart_from_what_the_study_divided() -> None:
    division = division_of(STUDY.data, STUDY.side, STUDY.partition, 0)
    whole = facts_of(STUDY, division, 1.0, "")
    present = Present({"a": 1, "b": 2}, {0: {"a": 70, "b": 48}}, {"a": JudgedOn(21, 0.25)})
    facts = facts_of(STUDY, division, 1.0, "", present)
    assert dict(facts.brought) == {"a": 70}
    assert [holding.entity for holding in facts.holdings] == ["b", "c"]
    assert facts.tests == {**whole.tests, "a": TestSet(21, 0.25)}
    unused = sum(next(holding.counts for holding in whole.holdings if holding.entity == "a"))
    assert facts.left_out["held by nobody"] == whole.left_out["held by nobody"] + unused
    assert facts.notes == (*whole.notes, "a brought 70 training and 21 test images of its own, which are not drawn")


def test_circumstances_change_with_who_holds_what() -> None:
    again = replace(STUDY, pictures=STUDY.pictures + 1)
    other = replace(STUDY, partition=replace(STUDY.partition, validation=0.3))  # neither public nor test images change
    assert circumstances_of(STUDY) == circumstances_of(again) != circumstances_of(other)


@pytest.fixture
def archive(tmp_path):
    """Writes a data set of 60 training and 12 test images -> the study that has it as its data; one value of one part may differ."""

    def written(part: str = "", patients: str = "") -> Study:
        rng = np.random.default_rng(0)
        arrays = {"x_train": rng.integers(0, 255, (60, 12, 12, 3), dtype=np.uint8), "y_train": np.arange(60) % 3}
        arrays |= {"x_test": rng.integers(0, 255, (12, 12, 12, 3), dtype=np.uint8), "y_test": np.arange(12) % 3}
        if part:
            arrays[part].reshape(-1)[-1] = (arrays[part].reshape(-1)[-1] + 1) % 3
        if patients:
            arrays |= {"patient_train": np.array([patients] * 60), "patient_test": np.array(["t"] * 12)}
        path = tmp_path / "set.npz"
        np.savez(path, **arrays)
        shares = Shares(entities=(("a", 0.4), ("b", 0.4)), public=0.3, validation=0.2)
        return replace(STUDY, data=str(path), partition=shares, arms=STUDY.arms[:1])

    return written


@pytest.mark.parametrize("part", ["x_train", "y_train", "x_test", "y_test"])
def test_every_pixel_and_every_label_counts_whoever_has_it(archive, part: str) -> None:
    before = circumstances_of(archive())
    division_of.cache_clear()  # the file has one name throughout, as a corrected one has
    assert circumstances_of(archive()) == before
    division_of.cache_clear()
    assert circumstances_of(archive(part)) != before


def test_columns_count(archive) -> None:
    before = circumstances_of(archive(patients="p"))
    division_of.cache_clear()
    assert circumstances_of(archive(patients="q")) != before


def test_of_a_set_too_large_to_read_the_files_count(archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circumstances, "READ_WHOLE_BYTES", 0)
    study = archive()
    before, path = circumstances_of(study), Path(study.data)
    assert circumstances_of(study) == before
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert circumstances_of(study) != before


def test_the_content_of_a_file_of_weights_counts_and_its_place_does_not(tmp_path: Path) -> None:
    one, same, other, gone = (replace(STUDY, weights=str(tmp_path / f"{name}.safetensors")) for name in ("one", "same", "other", "gone"))
    for study, content in ((one, b"1"), (same, b"1"), (other, b"2")):
        Path(study.weights).write_bytes(content)
    assert circumstances_of(one) == circumstances_of(same)
    studies = (STUDY, replace(STUDY, weights="imagenet"), one, other, gone)
    assert len({circumstances_of(study) for study in studies}) == len(studies)


def test_the_machine_is_told_in_words() -> None:
    told = machine_of(Compute.choose("cpu", "float32"))
    assert told["precision"] == "float32"
    assert told["CPU cores"] == str(os.cpu_count())
    assert told["device"]
    assert "bfloat16" in machine_of(Compute.choose("cpu", "bfloat16"))["precision"]


def test_a_system_that_does_not_name_its_processor_has_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(circumstances, "open", missing, raising=False)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert machine_of(Compute.choose("cpu"))["device"] == "CPU"
