"""Whether each peer's exchange answers this site, over mutual TLS and with this site on its roster, at this moment."""

from dpm_flower.apps.doctor.finding import Finding, skipped
from dpm_flower.apps.doctor.own import credentials_of, roster_of
from dpm_flower.core.errors import DpmFlowerError, ReleaseError
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.probe import Outcome, Probed, probe_all
from dpm_flower.payload.moments import moment
from dpm_flower.payload.roster import Roster
from dpm_flower.regime.site_file import SiteFile

PEERS = "peers"
DEADLINE_S = 5.0  # for each, and all are asked at once

_LATER = "nothing, if that site starts later"
_REMEDIES: dict[Outcome, str] = {
    "not serving": _LATER,
    "not resolved": "ask that site for its address; if it moved, the coordinators take up its new card: dpm-flower roster move CARD",
    "refused connection": f"{_LATER}; else ask it whether its exchange runs and listens on that port",
    "no answer": f"{_LATER}; else look for a firewall between the two: nc -vz HOST PORT",
    "TLS refused": "compare authorities: both sites need certificates that are in time, by the authority in the other's [trust] ca",
    "not admitted": "that site takes up the coordinators' newest roster: dpm-flower roster check --lock roster.lock",
    "trouble": "ask that site for its exchange.log",
}


def peer_findings(site: SiteFile, now: int) -> list[Finding]:
    """A site -> a finding for each other member that may act now. One that does not answer is a warning: it may start later."""
    try:
        roster = roster_of(site)
    except DpmFlowerError:
        return [skipped(PEERS, "who they are is not known without a roster", "roster")]
    peers = [PeerEndpoint(name, address) for name, address in peers_of(roster, site.entity, now).items()]
    if now >= roster.expires_at:
        return [skipped(PEERS, f"the roster expired at {moment(roster.expires_at)}, so that nobody answers", "roster's dates")]
    if not peers:
        return [
            Finding(PEERS, "warning", "the roster has no other member in force", "the coordinators add others: dpm-flower roster add CARD")
        ]
    try:
        probed = probe_all(peers, credentials_of(site), DEADLINE_S)
    except DpmFlowerError as err:
        return [skipped(PEERS, f"they ask for this site's key and certificate ({err})", "identity and certificate")]
    return [_finding(one) for one in probed]


def peers_of(roster: Roster, entity: str, now: int) -> dict[str, str]:
    """A roster and one of its members -> the others that may act now, and where they answer."""
    found = {}
    for member in roster.members:
        try:
            found[member.name] = roster.member(member.name, now).card.endpoint
        except ReleaseError:
            continue  # revoked or out of time: nobody asks it for anything
    found.pop(entity, None)
    return found


def _finding(probed: Probed) -> Finding:
    check, at = f"peer {probed.peer.name}", probed.peer.address
    if probed.outcome == "serving":
        return Finding(check, "ok", f"its exchange at {at} serves this site, over mutual TLS")
    return Finding(check, "warning", f"{at}: {probed.outcome} ({probed.words})", _REMEDIES[probed.outcome])
