"""The releases in a pool, as one of their recipients opens them: decrypted and decompressed, as contents to search."""

import time
from collections.abc import Iterator
from pathlib import Path

from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.content import content
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.payload.signed import SignedVerifier
from dpm_flower.payload.verification import Expectation
from dpm_flower.regime.site import Site
from tests.canary.unpacking import Content


def opened_releases(site: Site, roster: Path, *, sender: str, reader: str) -> Iterator[Content]:
    """A reader's folder and roster -> every shard that a sender released, found in the reader's pool and opened with its keys."""
    pool = Pool(site.pool, site=reader)
    identity, verifier = Identity.open(site.identity), SignedVerifier(RosterFile(roster, site.roster_lock))
    for envelope in pool.envelopes():
        manifest = Manifest.from_bytes(envelope.payload)
        if manifest.sender != sender:
            continue
        expectation = Expectation(
            campaign=manifest.campaign,
            sender=sender,
            spec=manifest.spec,
            classes=manifest.classes,
            now=int(time.time()),
            replays={},
            receiver=reader,
            hpke=identity.hpke,
        )
        release = verifier.verify(envelope, expectation)
        where = f"release {manifest.sequence} of {sender} in the pool of {reader}, {manifest.encryption}"
        for shard in content(release, pool.shards(release)):
            yield Content(f"{where}: {shard.name}", shard.data)
