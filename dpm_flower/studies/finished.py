"""A run's folder and the study that is wanted -> the results that lie there already, if they are those of this very study."""

from pathlib import Path

from dpm_flower.core.errors import StudyError
from dpm_flower.core.study import Study
from dpm_flower.federation.campaign_log import CampaignLog
from dpm_flower.studies.circumstances import circumstances_of
from dpm_flower.studies.report import REPORT_NAME
from dpm_flower.studies.results import Results, results_settings
from dpm_flower.studies.results_files import read_results

CAMPAIGN = "campaign"  # the folder of a run's replies


def finished_results(folder: Path, study: Study) -> Results | None:
    """The results in `folder` where a run of this study came to its end there; None where it did not, or its files are damaged.

    How a table looks (`columns`) is nobody's result. Raises StudyError where the folder's campaign is one of other settings, images or
    machine: a run into it would be refused as well.
    """
    if not (folder / CAMPAIGN).is_dir() or not (folder / REPORT_NAME).is_file():  # the report is what a run writes last
        return None
    CampaignLog.open(folder / CAMPAIGN, study, circumstances_of(study))
    try:
        results = read_results(folder)
    except StudyError:
        return None
    same = {**results.settings, "columns": None} == {**results_settings(study), "columns": None}
    return results if same else None
