"""Whether this machine's clock lies before moments that the site itself holds: then it went backwards, or was never set."""

import os
from contextlib import suppress

from dpm_flower.apps.doctor.finding import Finding
from dpm_flower.apps.doctor.own import roster_of
from dpm_flower.core.errors import DpmFlowerError, PoolError
from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.exchange.layout import AUDIT_LOG
from dpm_flower.payload.identity import card_in
from dpm_flower.payload.moments import moment
from dpm_flower.payload.verification import CLOCK_SKEW_S
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_file import SiteFile

CLOCK, LOG = "clock", "audit log"
SET_CLOCK = "set this machine's clock: timedatectl set-ntp true"


def clock_findings(site: SiteFile, now: int) -> list[Finding]:
    """A site -> its clock beside the newest moments that the site holds; peers' exchanges tell no time, so they are not asked."""
    held, damage = _moments(site), []
    path = Site(site.folder).pool / AUDIT_LOG
    if os.path.exists(path):
        try:
            held["the audit log's last entry"] = AuditLog(path).last.at
        except PoolError as err:
            remedy = f"dpm-flower audit-log verify --pool {path.parent} says which entry; keep the file for those who look into it"
            damage.append(Finding(LOG, "wrong", str(err), remedy))
    if not held:
        return [
            Finding(CLOCK, "skipped", "not checked: the site holds nothing with a date yet", "mend first what is said of roster"),
            *damage,
        ]
    ahead = {what: at for what, at in held.items() if at > now + CLOCK_SKEW_S}
    if ahead:
        said = ", ".join(f"{what} was made at {moment(at)}" for what, at in ahead.items())
        return [
            Finding(CLOCK, "wrong", f"it is {moment(now)} here, yet {said}: this clock is behind, or went backwards", SET_CLOCK),
            *damage,
        ]
    return [Finding(CLOCK, "ok", f"{moment(now)}, which is after {' and '.join(held)}; nothing else was compared here"), *damage]


def _moments(site: SiteFile) -> dict[str, int]:
    """What of a site can be read and has a date -> when it was made, in seconds since 1970 UTC."""
    held: dict[str, int] = {}
    with suppress(DpmFlowerError):
        held["the card"] = card_in(site.identity.folder)[1].made_at
    with suppress(DpmFlowerError):
        held["the roster"] = roster_of(site).made_at
    return held
