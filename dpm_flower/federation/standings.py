"""A message's context -> who its entity is among its peers, and how it gets their releases."""

import functools
import random
from pathlib import Path

from flwr.app import Context

from dpm_flower.core.errors import StudyError
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.exchange import Exchange
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.exchange.retries import Patience
from dpm_flower.exchange.roster_endpoints import RosterEndpoints
from dpm_flower.federation.opening import SITE, output_of, site_file_of
from dpm_flower.regime.consortium import Consortium
from dpm_flower.regime.site_standing import site_standing
from dpm_flower.regime.standing import Standing
from dpm_flower.regime.task import EntityTask

LOCAL, GRPC = "local", "grpc"  # how a simulation's entities get each other's releases
PEER_BACK_S = 300.0  # a site whose exchange died is started anew by its service manager, and serves again after two minutes


def standing_of(task: EntityTask, context: Context) -> Standing:
    """The keys, roster and memory of this entity, as its site file says, or of the simulated consortium. Raises DpmFlowerError."""
    if SITE in context.node_config:
        return _deployed(Path(str(context.node_config[SITE])))
    return _simulated(output_of(context.run_config), task.entity)


def exchange_of(task: EntityTask, context: Context, standing: Standing) -> Exchange:
    """How this entity gets its peers' releases: over gRPC from the endpoints of the roster, or as the run of a simulation says."""
    site_file = site_file_of(context)
    if site_file is not None:
        files = CredentialFiles(standing.identity.tls_key_pem, site_file.exchange.certificate, site_file.trust.ca)
        patience = Patience(start_s=PEER_BACK_S, least_bytes_per_s=site_file.exchange.min_mb_per_s * 1e6)
        return GrpcExchange(
            peers=RosterEndpoints(standing.roster, "entity"), credentials=files, rng=random.SystemRandom(), patience=patience
        )
    consortium = Consortium(output_of(context.run_config))
    match str(context.run_config.get("exchange", LOCAL)):
        case "local":
            return LocalExchange({name: consortium.site(name).pool for name in task.study.partition.names})
        case "grpc":
            files = CredentialFiles(standing.identity.tls_key_pem, consortium.certificate(task.entity), consortium.authority)
            return GrpcExchange(peers=consortium.endpoint, credentials=files, rng=random.SystemRandom())
        case other:
            raise StudyError(f'wanted the exchange of a simulation to be "{LOCAL}" or "{GRPC}", got {other!r}')


@functools.lru_cache(maxsize=256)  # a process of a simulation works for several entities, and keys take a while to read
def _simulated(run: Path, entity: str) -> Standing:
    consortium = Consortium(run)
    site = consortium.site(entity)
    return Standing.open(site.identity, consortium.roster, site.roster_lock, site.replays)


@functools.lru_cache(maxsize=1)
def _deployed(path: Path) -> Standing:
    return site_standing(path)
