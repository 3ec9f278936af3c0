"""A site's inbox lies apart from all else that is the site's: what lies in an inbox is taken in, put aside and erased."""

from collections.abc import Iterator
from pathlib import Path

from dpm_flower.core.errors import SettingError
from dpm_flower.data.source_name import DIGITS, SourceName
from dpm_flower.regime.site_file import SiteFile


def check_apart(inbox: Path, path: Path, site: SiteFile) -> None:
    """An inbox, a site file's path and what it says -> nothing; SettingError, naming both, where one lies in the other.

    Raises DataError for data that is none, as `load` does.
    """
    where = inbox.resolve()
    for what, place in _places(path, site):
        found = place.expanduser().resolve()
        if where.is_relative_to(found) or found.is_relative_to(where):
            raise SettingError(f"wanted an inbox apart from {what}, got the inbox {inbox} and {place}: one lies in the other")


def _places(path: Path, site: SiteFile) -> Iterator[tuple[str, Path]]:
    yield "the site file", path
    yield "the site's folder", site.folder
    yield "the identity's folder", site.identity.folder
    yield "the roster", site.trust.roster
    yield "the roster's lock", site.trust.lock
    yield "the authority's certificate", site.trust.ca
    yield "the exchange's certificate", site.exchange.certificate
    yield "the SuperLink's authority", site.flower.root_certificates
    if site.inbox is not None:
        yield "the store", site.inbox.store
        if site.inbox.networks is not None:
            yield "the networks", site.inbox.networks
    for name in (site.data.images, site.data.public) if site.data is not None else ():
        if name and (source := SourceName.parse(name)).kind != DIGITS:
            yield "the images that stay", source.path
