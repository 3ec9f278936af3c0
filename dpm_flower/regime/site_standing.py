"""A site file -> who that site is among its peers."""

from pathlib import Path

from dpm_flower.core.errors import SettingError
from dpm_flower.payload.passphrase import passphrase_lock
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_file import read_site_file
from dpm_flower.regime.standing import Standing


def site_standing(path: Path, descriptor: int | None = None, credential: str | None = None) -> Standing:
    """A site file and where the passphrase comes from, if not from where the file says -> the site's standing. Raises DpmFlowerError."""
    site_file = read_site_file(path)
    identity, trust = site_file.identity, site_file.trust
    named = credential if descriptor is not None or credential else identity.passphrase_credential or None
    lock = passphrase_lock(descriptor, named)
    standing = Standing.open(
        identity.folder, trust.roster, trust.lock, Site(site_file.folder).replays, lock, confidential=site_file.policy.confidential
    )
    if standing.identity.name != site_file.entity:
        raise SettingError(f"{path}: wanted the identity of {site_file.entity}, got that of {standing.identity.name}")
    return standing
