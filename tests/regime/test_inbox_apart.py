"""An inbox that lies in what is the site's own, or around it, is refused by name."""

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.regime.inbox_apart import check_apart
from dpm_flower.regime.site_file import read_site_file
from tests.apps.small_site import made_site


@pytest.fixture
def site(tmp_path):
    return made_site(tmp_path)


def test_an_inbox_beside_all_that_is_the_sites_is_taken(tmp_path, site):
    check_apart(tmp_path / "in", site, read_site_file(site))


@pytest.mark.parametrize("place", ["store", "store/items/deeper", "scans", "scans/ape", "public", "sites/a", "sites/a/in", "."])
def test_an_inbox_in_or_around_what_is_the_sites_is_refused(tmp_path, site, place):
    with pytest.raises(SettingError, match=r"wanted an inbox apart from .* one lies in the other"):
        check_apart(tmp_path / place, site, read_site_file(site))


def test_keys_are_kept_apart_and_a_link_does_not_help(tmp_path, site):
    found = read_site_file(site)
    (tmp_path / "link").symlink_to(found.identity.folder)
    for inbox in (found.identity.folder, found.identity.folder / "in", tmp_path / "link"):
        with pytest.raises(SettingError, match="one lies in the other"):
            check_apart(inbox, site, found)
