"""Names that an entity's keys and certificate stand under: NAME, NAME.entity.dpm and dpm-flower://entity/NAME."""

import re

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.rules import shown

DNS_SUFFIX = ".entity.dpm"
URI_PREFIX = "dpm-flower://entity/"

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def entity_name(value: str) -> str:
    """A name -> the same name, a lower-case DNS label, since it becomes part of one. Raises ReleaseError for anything else."""
    if type(value) is not str or not _LABEL.fullmatch(value):
        raise ReleaseError(
            f"an entity with an identity has a name of 1 to 63 lower-case letters, digits and inner '-', got {shown(value)}",
        )
    return value


def dns_name(name: str) -> str:
    """The host name in the certificate of the entity `name`, which its peers ask for whatever its address is."""
    return entity_name(name) + DNS_SUFFIX


def entity_uri(name: str) -> str:
    """The URI in the certificate of the entity `name`."""
    return URI_PREFIX + entity_name(name)


def named_in(uri: str) -> str:
    """The URI of a certificate -> the entity that it names. Raises ReleaseError for another URI."""
    if not uri.startswith(URI_PREFIX):
        raise ReleaseError(f"wanted a URI {URI_PREFIX}NAME, got {shown(uri)}")
    return entity_name(uri.removeprefix(URI_PREFIX))
