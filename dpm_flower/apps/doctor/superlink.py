"""Whether Flower's SuperLink answers over TLS with the root certificates of the site file, and what time it has."""

import http.client
import shlex
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from dpm_flower.apps.doctor.clock import SET_CLOCK
from dpm_flower.apps.doctor.finding import Finding, skipped
from dpm_flower.core.errors import PeerError, SettingError
from dpm_flower.payload.rules import shown
from dpm_flower.regime.site_file import SiteFile

ROOTS, SUPERLINK, CLOCK = "SuperLink's authority", "SuperLink", "clock beside the SuperLink's"
DEADLINE_S = 5.0
# How far ahead of its own clock, and behind it, the SuperLink lets a node's be: SYSTEM_TIME_TOLERANCE and TIMESTAMP_TOLERANCE of
# flwr.common.constant, which takes seconds to import.
AHEAD_S, BEHIND_S = 5, 300


@dataclass(frozen=True, slots=True)
class Answer:
    """Between which moments here (seconds since 1970 UTC) it came, and what time the SuperLink had: whole seconds; None if it told none."""

    asked_at: float
    came_at: float
    told: float | None


def superlink_findings(site: SiteFile, now: int) -> list[Finding]:
    """A site -> its root certificates, whether the SuperLink answers (which may start later), and its clock."""
    roots, address = site.flower.root_certificates, site.flower.superlink
    try:
        trusted = trusting(roots, now)
    except SettingError as err:
        remedy = "ask the SuperLink's operator for the certificate of the authority that signed its own, and name it as root_certificates"
        because = "there is no authority to know the SuperLink by"
        return [Finding(ROOTS, "wrong", str(err), remedy), *(skipped(check, because, ROOTS) for check in (SUPERLINK, CLOCK))]
    read = Finding(ROOTS, "ok", f"read from {roots}: {len(trusted.get_ca_certs())}")
    try:
        answer = ask(address, trusted)
    except SettingError as err:
        remedy = 'write superlink = "host:port" in the site file\'s [flower]'
        return [read, Finding(SUPERLINK, "wrong", str(err), remedy), skipped(CLOCK, "there is nobody to ask", SUPERLINK)]
    except PeerError as err:
        look = f"openssl s_client -connect {shlex.quote(address)} -CAfile {shlex.quote(str(roots))}"
        away = Finding(SUPERLINK, "warning", str(err), f"nothing, if it starts later; else ask its operator, and look: {look}")
        return [read, away, skipped(CLOCK, "it did not answer, and peers' exchanges tell no time", SUPERLINK)]
    return [read, Finding(SUPERLINK, "ok", f"{address} answers over TLS, with a certificate by that authority"), _clock(answer)]


def trusting(roots: Path, now: int) -> ssl.SSLContext:
    """A file of root certificates -> what TLS takes. Raises SettingError where it cannot be read or none of them is in time."""
    try:
        context = ssl.create_default_context(cafile=roots)
    except (OSError, ValueError) as err:  # ssl.SSLError is an OSError
        raise SettingError(f"cannot read root certificates from {roots}: {err}") from err
    ends = [str(one["notAfter"]) for one in context.get_ca_certs()]
    if not ends:
        raise SettingError(f"wanted root certificates in {roots}, got none of an authority")
    if all(ssl.cert_time_to_seconds(end) <= now for end in ends):
        raise SettingError(f"every root certificate in {roots} has ended, the last of them at {max(ends, key=ssl.cert_time_to_seconds)}")
    return context


def ask(address: str, trusted: ssl.SSLContext) -> Answer:
    """A SuperLink's "host:port" -> its answer. Raises SettingError for what is no address, PeerError with the step at which it ended."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= 65535:
        raise SettingError(f'wanted the SuperLink as "host:port", got {shown(address)}')
    connection = http.client.HTTPSConnection(host.strip("[]"), int(port), timeout=DEADLINE_S, context=trusted)
    try:
        asked_at = time.time()
        connection.request("GET", "/health")
        response = connection.getresponse()
        came_at = time.time()
    except TimeoutError as err:
        raise PeerError(f"{address}: no answer within {DEADLINE_S:g} s") from err
    except ssl.SSLError as err:
        raise PeerError(f"{address}: TLS refused: {err.reason or err}: {getattr(err, 'verify_message', '')}".rstrip(": ")) from err
    except ConnectionRefusedError as err:
        raise PeerError(f"{address}: refused connection: nothing listens there") from err
    except (OSError, UnicodeError, http.client.HTTPException) as err:  # a host that nobody knows, or no way there
        raise PeerError(f"{address}: not reached: {type(err).__name__}: {err}") from err
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise PeerError(f"{address}: wanted its health, got the answer {response.status}: is it a SuperLink?")
    return Answer(asked_at, came_at, _moment(response.getheader("Date")))


def _moment(header: str | None) -> float | None:
    try:
        return None if header is None else parsedate_to_datetime(header).timestamp()
    except ValueError:
        return None


def _clock(answer: Answer) -> Finding:
    if answer.told is None:
        return Finding(CLOCK, "skipped", "not checked: the SuperLink's answer has no date, and peers' exchanges tell none", SET_CLOCK)
    ahead_s = answer.asked_at - (answer.told + 1)  # its seconds are whole, cut off: at least so far ahead
    behind_s = answer.told - answer.came_at
    allowed = f"compared with the date of its answer, to a second; it lets a node be {AHEAD_S} s ahead and {BEHIND_S} s behind"
    if ahead_s > AHEAD_S:
        return Finding(CLOCK, "wrong", f"this clock is {ahead_s:.0f} s ahead, {allowed}", SET_CLOCK)
    if behind_s > BEHIND_S:
        return Finding(CLOCK, "wrong", f"this clock is {behind_s:.0f} s behind, {allowed}", SET_CLOCK)
    return Finding(CLOCK, "ok", f"close enough, {allowed}")
