"""`dpm-flower exchange serve`: a site's pool, keys and roster -> its exchange, serving until it is told to end."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dpm_flower.apps.ending import ended_by_signals
from dpm_flower.apps.refusal import exit_code
from dpm_flower.core.errors import DpmFlowerError, ReleaseError, SettingError
from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.exchange.authorisation import OnTheRoster
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.guard import Told
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.exchange.service import Intake
from dpm_flower.exchange.shard_place import settle
from dpm_flower.exchange.shelf import PoolShelf
from dpm_flower.exchange.thinning import Thinned
from dpm_flower.payload.certificates import entity_of, not_after, spki
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.moments import moment
from dpm_flower.payload.passphrase import passphrase_lock
from dpm_flower.payload.roster import Role
from dpm_flower.payload.roster_file import RosterFile

EXPIRE_EVERY_S = 30.0

IntakeOf: TypeAlias = Callable[[Pool, RosterFile], Intake]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSite:
    """Where a site's pool, its TLS certificate with the authority that signed it, the roster and what holds the site to it are.

    `listen` is "host:port"; `store` is the URL of object storage for the pool's shards, empty for where they lie already.
    """

    pool: Path
    certificate: Path
    ca: Path
    roster: Path
    lock: Path
    listen: str
    store: str = ""


def serve(
    site: ExchangeSite,
    identity: Path,
    passphrase_fd: int | None,
    passphrase_credential: str | None,
    intake_of: IntakeOf | None = None,
) -> int:
    """A site, the folder of its identity and where its passphrase comes from -> the exit code, once SIGTERM or SIGINT ended it."""

    def work() -> None:
        serve_until_ended(site, Identity.open(identity, passphrase_lock(passphrase_fd, passphrase_credential)), intake_of)

    return exit_code(work)


def serve_until_ended(site: ExchangeSite, identity: Identity, intake_of: IntakeOf | None = None) -> None:
    """Serves, and deletes what expires, until SIGTERM or SIGINT; then lets transfers end. With an intake it is a relay.

    Raises SettingError and ReleaseError for what would keep peers from being served: a certificate that is not this identity's or
    out of time, a roster that is refused or does not have this site, an address that is taken.
    """
    roster = RosterFile(site.roster, site.lock)
    needed: Role | None = None if intake_of is None else "relay"
    roster().member(identity.name, int(time.time()), needed)
    credentials = CredentialFiles(identity.tls_key_pem, site.certificate, site.ca)
    check_certificate(credentials().certificate_chain, identity)
    settle(site.pool, site.store)
    pool = Pool(site.pool, site=identity.name)
    server = ExchangeServer(
        site.listen,
        PoolShelf(pool),
        OnTheRoster(roster),
        credentials,
        intake=None if intake_of is None else intake_of(pool, roster),
        told=Thinned(lambda told: keep(told, pool.audit_log)),
    )
    with ended_by_signals() as ended, server:
        print(f"{identity.name} serves {site.pool} on {server.address}", flush=True)
        expire_until(ended, pool)


def check_certificate(chain: bytes, identity: Identity) -> None:
    """Raises SettingError unless this certificate in PEM is for this identity's TLS key and name, and in time."""
    try:
        name, key, until = entity_of(chain), spki(chain), not_after(chain)
    except ReleaseError as err:
        raise SettingError(f"the site's own certificate cannot be used: {err}") from err
    if name != identity.name or key != identity.card.tls_spki:
        raise SettingError(f"wanted a certificate for the TLS key of {identity.name}, got one of {name} for another key or name")
    if until <= time.time():
        raise SettingError(f"the certificate of {name} held until {moment(until)}: have it renewed")


def keep(told: Told, log: AuditLog) -> None:
    """What one call came to -> an entry of the audit log, if it was about a release or was refused; health is asked too often."""
    details: dict[str, str | int] = {"peer": told.peer, "call": told.call}
    if told.digest:
        details["digest"] = told.digest
    if told.position is not None:
        details["position"] = told.position
    if told.refusal:
        log.append("refused", **details, reason=told.refusal)
    elif told.digest:
        log.append("served", **details)


def expire_until(ended: threading.Event, pool: Pool, every_s: float = EXPIRE_EVERY_S) -> None:
    """Deletes what has expired of a pool, again and again until `ended` is set."""
    while not ended.wait(every_s):
        try:
            pool.expire(time.time())
        except DpmFlowerError as err:  # a full disk is no reason to stop serving
            print(f"dpm-flower: cannot delete what has expired: {err}", file=sys.stderr, flush=True)
