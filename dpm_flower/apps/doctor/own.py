"""What of a site's own the checks of other things need, opened as its services open it, and nothing of it changed."""

from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.passphrase import passphrase_lock
from dpm_flower.payload.roster import Roster
from dpm_flower.payload.roster_envelope import read_envelope
from dpm_flower.payload.roster_lock import read_lock
from dpm_flower.regime.site_file import SiteFile


def identity_of(site: SiteFile) -> Identity:
    """The site's keys. Raises OutputError and SettingError as `Identity.open` does."""
    return Identity.open(site.identity.folder, passphrase_lock(None, site.identity.passphrase_credential or None))


def credentials_of(site: SiteFile) -> CredentialFiles:
    """What the site shows to peers and believes of them, once all of it could be read. Raises DpmFlowerError."""
    credentials = CredentialFiles(identity_of(site).tls_key_pem, site.exchange.certificate, site.trust.ca)
    credentials()
    return credentials


def roster_of(site: SiteFile) -> Roster:
    """The roster in force, in date or not; unlike the services', this look at it moves no lock forward.

    Raises ReleaseError as `RosterLock.follow` and `read_lock` do, SettingError where a file cannot be read.
    """
    try:
        return read_lock(site.trust.lock).follow(read_envelope(site.trust.roster))
    except OSError as err:
        raise SettingError(f"cannot read {err.filename}: {err.strerror}") from err
