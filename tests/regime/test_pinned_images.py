"""The images that a campaign began with are the only ones that it goes on with."""

import pytest

from dpm_flower.core.errors import DataError, OutputError, ReleaseError
from dpm_flower.regime.pinned_images import pin_images
from dpm_flower.regime.site import Site

ONE, OTHER = "1" * 64, "2" * 64


def test_the_same_images_again_are_welcome_and_others_are_told_with_both(tmp_path):
    site = Site(tmp_path)
    pin_images(site, "c-s0", ONE)
    pin_images(site, "c-s0", ONE)
    with pytest.raises(DataError, match=r"campaign c-s0 began with: wanted those of digest 1{16}\.\.\., got 2{16}\.\.\.; put them back"):
        pin_images(site, "c-s0", OTHER)
    pin_images(site, "c-s0", ONE)  # the refusal pinned nothing
    assert [path.name for path in (tmp_path / "c-s0").iterdir()] == ["own-images.sha256"]


def test_every_campaign_has_its_own(tmp_path):
    site = Site(tmp_path)
    pin_images(site, "c-s0", ONE)
    pin_images(site, "c-s1", OTHER)
    assert [ONE in site.own_images("c-s0").read_text(), OTHER in site.own_images("c-s1").read_text()] == [True, True]


@pytest.mark.parametrize("damage", [b"", ONE[:10].encode(), b"\xff" * 64])
def test_what_was_pinned_and_damaged_is_a_refusal_not_a_new_beginning(damage, tmp_path):
    path = Site(tmp_path).own_images("c")
    path.parent.mkdir()
    path.write_bytes(damage)
    with pytest.raises(DataError, match="others than campaign c began with"):
        pin_images(Site(tmp_path), "c", ONE)
    assert path.read_bytes() == damage


@pytest.mark.parametrize("campaign", ["../c", "/c", "", "a/../../c", ".."])
def test_what_is_no_campaigns_name_reaches_no_file(campaign, tmp_path):
    (tmp_path / "site").mkdir()
    with pytest.raises(ReleaseError, match="campaign must be"):
        pin_images(Site(tmp_path / "site"), campaign, ONE)
    assert [path.name for path in tmp_path.rglob("*")] == ["site"]


def test_a_folder_that_cannot_be_written_is_told_without_its_path(tmp_path):
    (tmp_path / "c").touch()
    with pytest.raises(OutputError, match="cannot keep which images campaign c began with") as caught:
        pin_images(Site(tmp_path), "c", ONE)
    assert str(tmp_path) not in str(caught.value)
