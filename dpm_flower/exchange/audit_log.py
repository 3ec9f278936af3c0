"""The audit log: what happened to the releases at one site, in a hash chain that is only ever appended to."""

from typing import Literal, TypeAlias

from dpm_flower.core.chain_file import ChainFile

Event: TypeAlias = Literal["opened", "published", "admitted", "refused", "withdrawn", "expired", "served"]
AuditLog: TypeAlias = ChainFile[Event]
