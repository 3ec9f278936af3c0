"""`dpm-flower release catalogue, fetch, publish` and `withdraw --at`: a site file and a peer's name -> releases that cross the exchange."""

import shutil
import sys
import time
from pathlib import Path

from dpm_flower.apps.refusal import exit_code
from dpm_flower.apps.release_command import cells, found, one_beginning, print_table
from dpm_flower.apps.release_signed import authenticated
from dpm_flower.apps.site_exchange import SiteExchange
from dpm_flower.core.errors import DpmFlowerError, ReleaseError
from dpm_flower.exchange import layout
from dpm_flower.exchange.listing import Listing
from dpm_flower.exchange.messages import PUBLISH
from dpm_flower.exchange.replays import Replays
from dpm_flower.payload.rules import SHA256
from dpm_flower.payload.signed import SignedVerifier


def catalogue(site: Path, peer: str, campaign: str | None, descriptor: int | None, credential: str | None) -> int:
    """A site file, a peer and a campaign, or None for all -> the exit code, after a line for each release that the peer has for us.

    What is not its sender's own word, or out of time, stands on the standard error with the reason.
    """

    def work() -> None:
        ours = SiteExchange.open(site, descriptor, credential)
        here = {listing.digest: listing.state for listing in ours.pool.listing(campaign)}
        rows, refused = [], []
        for envelope in ours.with_peer(peer).catalogue(peer, campaign):
            try:
                authenticated(envelope, SignedVerifier(ours.roster), {})
                listing = Listing.of(envelope.digest, envelope, "held", int(time.time()))
                rows.append(cells(listing, here.get(envelope.digest, "offered")))
            except ReleaseError as err:
                refused.append(f"dpm-flower: {peer} offers {envelope.digest}, which would be refused: {err}")
        print_table(rows)
        for line in refused:
            print(line, file=sys.stderr)

    return exit_code(work)


def fetch(site: Path, peer: str, digest: str, campaign: str | None, descriptor: int | None, credential: str | None) -> int:
    """A site file, a peer, the beginning of a digest in its catalogue, and a campaign or None -> the exit code, with the release here.

    As an import does, it takes what its sender signed; whether it is what a study waits for is asked when the study reads it.
    """

    def work() -> None:
        ours = SiteExchange.open(site, descriptor, credential)
        exchange = ours.with_peer(peer)
        offered = {envelope.digest: envelope for envelope in exchange.catalogue(peer, campaign)}
        envelope = offered[one_beginning(digest, offered)]
        replays, room = Replays(ours.folder / layout.REPLAYS), shutil.disk_usage(ours.folder).free
        try:
            release = authenticated(envelope, SignedVerifier(ours.roster), replays, campaign, room)
        except ReleaseError as err:
            ours.pool.audit_log.append("refused", peer=peer, digest=envelope.digest, reason=str(err))
            raise
        exchange.fetch(release, ours.pool)
        print(release.digest)

    return exit_code(work)


def publish(site: Path, digest: str, relay: str, descriptor: int | None, credential: str | None) -> int:
    """A site file, the beginning of an own release's digest, and a relay -> the exit code, once the relay holds the release."""

    def work() -> None:
        ours = SiteExchange.open(site, descriptor, credential)
        whole = found(ours.pool, digest).digest
        release = authenticated(ours.pool.envelope(whole), SignedVerifier(ours.roster), {})
        if release.manifest.sender != ours.name:
            raise ReleaseError(f"{whole} is a release of {release.manifest.sender}: wanted one of {ours.name}'s own")
        told = {"peer": relay, "call": PUBLISH, "digest": whole}
        ours.pool.audit_log.append("served", **told)  # first: what cannot be told is not given away
        try:
            ours.with_peer(relay, "relay").publish(release, ours.pool, relay)
        except DpmFlowerError as err:
            ours.pool.audit_log.append("refused", **told, reason=str(err))
            raise
        print(f"{whole}: held by {relay}")

    return exit_code(work)


def withdraw(site: Path, digest: str, peer: str, reason: str, descriptor: int | None, credential: str | None) -> int:
    """A site file, an own release's digest or its beginning, a relay or peer and why -> the exit code, once that one serves it no more."""

    def work() -> None:
        ours = SiteExchange.open(site, descriptor, credential)
        whole = digest if SHA256.fullmatch(digest) else found(ours.pool, digest).digest
        ours.with_peer(peer).withdraw(whole, reason, peer)
        ours.pool.audit_log.append("withdrawn", peer=peer, digest=whole, reason=reason)
        print(f"{whole}: withdrawn at {peer}")

    return exit_code(work)
