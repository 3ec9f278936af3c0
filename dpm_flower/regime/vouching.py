"""The pre-training broadcast and its lead's word for it: networks are used only if the entity that made them says that it did."""

import time
from collections.abc import Mapping, Sequence

from torch import Tensor

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.networks_statement import NetworksStatement, seal_networks, verify_networks
from dpm_flower.regime.standing import Standing
from dpm_flower.regime.task import EntityTask


def vouch(task: EntityTask, tensors: Mapping[str, Tensor], standing: Standing) -> str:
    """At the lead: the tensors of the public networks -> its envelope over their digest, as JSON text."""
    statement = NetworksStatement(
        campaign=task.campaign, seed=task.seed, lead=task.entity, digest=tensors_digest(tensors), made_at=int(time.time())
    )
    return seal_networks(standing.identity.signing, statement).to_bytes().decode()


def check_vouched(task: EntityTask, tensors: Mapping[str, Tensor], claims: Sequence[tuple[str, str]], standing: Standing) -> None:
    """Raises ReleaseError unless these very tensors are what the lead named in the one claim made, in this campaign.

    Where the study names its lead, it is that one and nobody else.
    """
    if len(claims) != 1:
        raise ReleaseError(f"wanted networks with the word of one lead, got {len(claims)}")
    lead, text = claims[0]
    if lead != (wanted := task.study.lead or lead):
        raise ReleaseError(f"wanted networks of the study's lead {wanted}, got those of {lead}")
    verify_networks(
        Envelope.from_bytes(text.encode()),
        standing.roster(),
        campaign=task.campaign,
        seed=task.seed,
        lead=lead,
        digest=tensors_digest(tensors),
        now=int(time.time()),
    )
