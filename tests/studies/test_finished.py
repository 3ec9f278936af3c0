"""A run counts as finished where it wrote its report, for this very study, and nothing has been damaged since."""

from dataclasses import replace

import pytest

from dpm_flower.core.errors import StudyError
from dpm_flower.federation.campaign_log import CampaignLog
from dpm_flower.studies import finished
from dpm_flower.studies.finished import CAMPAIGN, finished_results
from dpm_flower.studies.results import results_of
from dpm_flower.studies.results_files import write_results
from tests.studies.hand_made import FACTS, STUDY, outcomes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What a run of the study leaves, on images that are not looked at."""
    monkeypatch.setattr(finished, "circumstances_of", lambda study: study.data)
    CampaignLog.open(tmp_path / CAMPAIGN, STUDY, STUDY.data)
    write_results(tmp_path, results_of(STUDY, outcomes(), FACTS))
    (tmp_path / "report.html").write_text("the last file")
    return tmp_path


def test_a_finished_run_is_read_however_its_table_looks(folder):
    assert finished_results(folder, STUDY) == results_of(STUDY, outcomes(), FACTS)
    assert finished_results(folder, replace(STUDY, columns=("ssim",))) is not None


@pytest.mark.parametrize("name", ["report.html", "results.json"])
def test_a_run_that_did_not_come_to_its_end_is_not_finished(folder, name):
    (folder / name).unlink()
    assert finished_results(folder, STUDY) is None


def test_damaged_results_and_those_of_other_settings_are_made_again(folder):
    write_results(folder, results_of(replace(STUDY, threads=2), outcomes(), FACTS))
    assert finished_results(folder, STUDY) is None
    (folder / "results.json").write_text("{")
    assert finished_results(folder, STUDY) is None


def test_an_empty_folder_stays_empty(tmp_path):
    assert finished_results(tmp_path, STUDY) is None
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_fewer_seeds_is_not_finished(folder):
    assert finished_results(folder, replace(STUDY, seeds=(*STUDY.seeds, 7))) is None


@pytest.mark.parametrize("change", [{"lead_threads": 2}, {"data": "other images"}])
def test_a_campaign_of_another_study_or_other_images_is_refused(folder, change):
    with pytest.raises(StudyError, match="campaign of other settings"):
        finished_results(folder, replace(STUDY, **change))
