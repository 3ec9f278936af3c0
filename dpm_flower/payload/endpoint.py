"""Where an entity's exchange answers: "host:port" -> its two parts, in the one form that cards and certificates have."""

import ipaddress
import re

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.entity_name import DNS_SUFFIX
from dpm_flower.payload.rules import shown

HOST_CHARACTERS = 253  # RFC 1035, with the dots and without a last one

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")


def host_and_port(endpoint: str) -> tuple[str, int]:
    """An endpoint, "exchange.example.org:8443", "192.0.2.7:8443" or "[2001:db8::7]:8443" -> host (without brackets) and port.

    Raises ReleaseError for anything else, other spellings of the same address among them.
    """
    host, colon, port = endpoint.rpartition(":") if type(endpoint) is str else ("", "", "")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    if not colon or not _PORT.fullmatch(port) or int(port) > 65535 or not is_host(bare) or (":" in bare) != bracketed:
        raise ReleaseError(
            f"an endpoint is host:port, the host in lower case and an IPv6 address in brackets and short form, got {shown(endpoint)}",
        )
    return bare, int(port)


def is_host(host: str) -> bool:
    """Whether this is a lower-case host name or an IP address in its usual form."""
    if address(host) is not None:
        return True
    last = host.rpartition(".")[2]
    return len(host) <= HOST_CHARACTERS and bool(_HOST_NAME.fullmatch(host)) and not last.isdigit()  # or 1.2.3 would be a name


def address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that `host` spells in its usual form; None for a name."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = isinstance(found, ipaddress.IPv6Address) and (found.ipv4_mapped is not None or found.scope_id is not None)
    return found if str(found) == host and not mapped else None  # IPv4 in disguise, or an address of one machine's own link


def check_not_anothers(host: str, name: str) -> None:
    """Raises ReleaseError for a host that is another entity's name: a certificate for it would pass for that entity's."""
    if host.endswith(DNS_SUFFIX) and host != name + DNS_SUFFIX:
        raise ReleaseError(f"{name} may not answer as {shown(host)}: names under {DNS_SUFFIX[1:]} belong to the entities named in them")
