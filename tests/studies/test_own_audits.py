import json
import os
from dataclasses import asdict, replace

import pytest
import torch

from dpm_flower.core.errors import OutputError, StudyError
from dpm_flower.regime.site import Site
from dpm_flower.studies.leakage_report import sentence
from dpm_flower.studies.own_audits import latest_campaign, own_audits
from dpm_flower.training.checkpoint import write_tensors
from tests.studies.test_leakage_report import AUDIT, LINK


def kept(site, campaign, method, again=0):
    """One audit with its pictures, whose `images` say which it is."""
    path = site.leakage(campaign, method, again)
    replace(AUDIT, campaign=campaign, method=method, images=100 + again).write(path)
    write_tensors(site.pictures(campaign, method, again), {f"{method}.{again}": torch.zeros(1)})
    return path


def test_audits_come_by_release_with_the_first_first_and_each_with_its_own_pictures(tmp_path):
    site = Site(tmp_path)
    for method in ("raw", "poisoned"):
        for again in (10, 2, 0, 1):
            kept(site, "c", method, again)
    found = own_audits(site, "c")
    assert [(one.leakage.method, one.again) for one in found] == [
        (method, again) for method in ("poisoned", "raw") for again in (0, 1, 2, 10)
    ]
    assert all(one.leakage.images == 100 + one.again for one in found)
    assert all(set(one.pictures) == {f"{one.leakage.method}.{one.again}"} for one in found)
    assert {one.release for one in found} == {site.leakage("c", method).stem for method in ("raw", "poisoned")}
    assert [one.title for one in found[:2]] == ["poisoned, before it left", "poisoned, attacked again (1)"]


def test_the_latest_campaign_is_that_of_the_audit_that_was_written_last(tmp_path):
    site = Site(tmp_path)
    with pytest.raises(OutputError, match="where no audit lies"):
        latest_campaign(site)
    for seconds, campaign in ((3, "c-0"), (9, "c-1"), (6, "c-2")):
        os.utime(kept(site, campaign, "raw"), (seconds, seconds))
    assert latest_campaign(site) == "c-1"
    os.utime(kept(site, "c-2", "raw", 1), (12, 12))
    assert latest_campaign(site) == "c-2"


OLDER = (
    "Little is proved. What is released is made up, and none of it belongs to one own image. Each own image is therefore compared with the "
    "guess nearest to it, chosen by the truth, as no attacker could; and linkage says how often an own image stands out among candidates "
    "that are none."
)


@pytest.mark.parametrize(("proves", "made_up"), [(OLDER, True), ("Little is proved.", False)])
def test_records_of_before_made_up_releases_had_a_field_are_read_by_their_words(proves, made_up, tmp_path):
    site = Site(tmp_path)
    path = kept(site, "c", "drawn")
    record = json.loads(path.read_text())
    del record["unpaired"]
    record["links"] = [asdict(replace(LINK, name=name)) for name in ("L1.nearest", "L1.spanned")]
    for link in record["links"]:
        del link["members"]
    path.write_text(json.dumps(record | {"proves": proves}))
    (found,) = own_audits(site, "c")
    assert found.leakage.unpaired is made_up
    assert [link.members for link in found.leakage.links] == [made_up, True]
    assert ("Other people's real images" in sentence(found.leakage)) is made_up


def test_what_is_missing_or_damaged_is_named(tmp_path):
    site = Site(tmp_path)
    with pytest.raises(OutputError, match="made a release, got 'c'"):
        own_audits(site, "c")
    path = kept(site, "c", "raw")
    site.pictures("c", "raw").write_bytes(b"no tensors")
    with pytest.raises(OutputError, match="cannot read the pictures of an audit"):
        own_audits(site, "c")
    path.write_text("{}")
    with pytest.raises(StudyError, match="does not say that its format is"):
        own_audits(site, "c")
