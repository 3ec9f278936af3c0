"""A site file -> this site's own end of the exchange, for commands that a user types: its pool, whom it believes, lines to its peers."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.retries import Patience
from dpm_flower.exchange.roster_endpoints import RosterEndpoints
from dpm_flower.exchange.shard_place import settle
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.passphrase import passphrase_lock
from dpm_flower.payload.roster import Role
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_file import read_site_file


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteExchange:
    """Who this site is, its pool and that one's folder, the roster, and what its lines show and wait for."""

    name: str
    folder: Path
    pool: Pool
    roster: RosterFile
    credentials: CredentialFiles
    patience: Patience

    @classmethod
    def open(cls, path: Path, descriptor: int | None, credential: str | None) -> Self:
        """A site file and where the passphrase comes from, if not from where the file says -> the site's end.

        Raises SettingError, OutputError or PoolError for what of the site cannot be read.
        """
        site = read_site_file(path)
        named = credential if descriptor is not None or credential else site.identity.passphrase_credential or None
        identity = Identity.open(site.identity.folder, passphrase_lock(descriptor, named))
        if identity.name != site.entity:
            raise SettingError(f"{path}: wanted the identity of {site.entity}, got that of {identity.name}")
        folder = Site(site.folder).pool
        settle(folder, site.exchange.store)
        return cls(
            name=identity.name,
            folder=folder,
            pool=Pool(folder, site=identity.name),
            roster=RosterFile(site.trust.roster, site.trust.lock),
            credentials=CredentialFiles(identity.tls_key_pem, site.exchange.certificate, site.trust.ca),
            patience=Patience(least_bytes_per_s=site.exchange.min_mb_per_s * 1e6),
        )

    def with_peer(self, peer: str, role: Role | None = None) -> GrpcExchange:
        """A member's name, and what it must be -> an exchange that has everything from that member, whoever made it."""
        endpoints = RosterEndpoints(self.roster, role)
        return GrpcExchange(
            peers=lambda _: endpoints(peer), credentials=self.credentials, rng=random.SystemRandom(), patience=self.patience
        )
