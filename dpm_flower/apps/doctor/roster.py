"""Whether a site has a roster that it may believe, until when, and whether it stands there itself, with the keys that it has."""

import os
import shlex
from dataclasses import fields

from dpm_flower.apps.doctor.clock import SET_CLOCK
from dpm_flower.apps.doctor.finding import Finding, Mark, lasting, skipped
from dpm_flower.apps.doctor.own import roster_of
from dpm_flower.core.errors import OutputError, ReleaseError, SettingError
from dpm_flower.payload.identity import CARD_NAME, card_in
from dpm_flower.payload.roster import Member, Roster
from dpm_flower.payload.roster_lock import read_lock
from dpm_flower.regime.site_file import SiteFile

ROSTER, DATES, MEMBER, KEYS = "roster", "roster's dates", "membership", "keys on the roster"
SIGN = "dpm-flower roster sign --identity DIR"
_HARMLESS = {"endpoint", "made_at"}  # parts of a card that peers may have older: they look for the exchange elsewhere, or nowhere


def roster_findings(site: SiteFile, now: int) -> list[Finding]:
    """A site -> its roster beside the one that it is held to, how long that lasts, and its own entry."""
    try:
        roster = roster_of(site)
    except (ReleaseError, SettingError) as err:
        untrusted = Finding(ROSTER, "wrong", str(err), _way_to_a_roster(site))
        return [untrusted, *(skipped(check, "there is no roster that may be believed", ROSTER) for check in (DATES, MEMBER, KEYS))]
    held = read_lock(site.trust.lock).version
    signed = f"version {roster.version} of {roster.consortium}, signed by its coordinators"
    newer = f"follows version {held}, which the site is held to" if roster.version > held else "the version that the site is held to"
    renew = f"the coordinators make it last longer: dpm-flower roster renew --valid-days 180, then {SIGN}"
    dates = lasting(DATES, f"version {roster.version}", roster.expires_at, now, renew)
    standing = _membership(roster, site, now) if dates.mark != "wrong" else skipped(MEMBER, "the roster has expired", DATES)
    return [Finding(ROSTER, "ok", f"{signed}; {newer}"), dates, standing, _keys(roster, site)]


def _way_to_a_roster(site: SiteFile) -> str:
    roster, lock = (shlex.quote(str(path)) for path in (site.trust.roster, site.trust.lock))
    check = f"dpm-flower roster check --roster {roster} --lock {lock}"
    pin = f"{check} --pin, and compare the digest that it prints with a coordinator by telephone"
    try:
        read_lock(site.trust.lock)
    except ReleaseError:
        return f"remove {lock}, which is damaged, then {pin}" if os.path.lexists(site.trust.lock) else pin
    except OSError:
        return f"let the user that the site runs as read {lock}"
    return f"get the coordinators' newest roster, put it at {roster}, and then: {check}"


def _membership(roster: Roster, site: SiteFile, now: int) -> Finding:
    name = site.entity
    try:
        member = roster.member(name, now, "entity")
    except ReleaseError as err:
        return Finding(MEMBER, "wrong", str(err), _way_to_a_membership(roster.entry(name), site, now))
    return lasting(MEMBER, f"that of {name}", member.valid_until, now, _renewal(name))


def _way_to_a_membership(entry: Member | None, site: SiteFile, now: int) -> str:
    add = f"dpm-flower roster add {shlex.quote(str(site.identity.folder / CARD_NAME))}, then {SIGN}"
    if entry is None:
        return f"the coordinators add it: {add}"
    if entry.revoked_at is not None:
        return f"if that was a mistake, make new keys (dpm-flower identity create), and the coordinators add it: {add}"
    if now < entry.valid_from:
        return f"wait until then; or {SET_CLOCK}"
    if now >= entry.valid_until:
        return _renewal(site.entity)
    return f"the coordinators revoke it (dpm-flower roster revoke {site.entity}) and add it as an entity, under new keys: {add}"


def _renewal(name: str) -> str:
    return f"the coordinators make it last longer: dpm-flower roster renew {name} --valid-days 365, then {SIGN}"


def _keys(roster: Roster, site: SiteFile) -> Finding:
    try:
        _, card = card_in(site.identity.folder)
    except OutputError:
        return skipped(KEYS, "there is no card to compare with", "identity")
    entry = roster.entry(site.entity)
    if entry is None:
        return skipped(KEYS, f"{site.entity} has no entry", MEMBER)
    other = [part.name for part in fields(card) if getattr(card, part.name) != getattr(entry.card, part.name)]
    if not other:
        return Finding(KEYS, "ok", f"the entry of {site.entity} is this card")
    mark: Mark = "warning" if set(other) <= _HARMLESS else "wrong"
    take_up = f"dpm-flower roster {'move' if mark == 'warning' else 'rotate'} {shlex.quote(str(site.identity.folder / CARD_NAME))}"
    remedy = f"the coordinators take up this card, whose fingerprint they compared if its keys are new: {take_up}, then {SIGN}"
    return Finding(KEYS, mark, f"the entry of {site.entity} has another {', another '.join(other)} than the card", remedy)
