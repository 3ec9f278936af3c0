"""Whether the ports that a site is going to listen on are free, and if not, whether its own exchange has them already."""

import errno
import os
import socket

from dpm_flower.apps.doctor.finding import Finding
from dpm_flower.apps.doctor.own import credentials_of
from dpm_flower.core.errors import DpmFlowerError
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.probe import probe_all
from dpm_flower.regime.site_file import SiteFile

TAKEN = "taken"
EXCHANGE, CLIENT_APP = "exchange's port", "client-app port"
DEADLINE_S = 3.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
_ON_LOOPBACK = {"127.0.0.1", "localhost", *_EVERYWHERE}


def port_findings(site: SiteFile, now: int) -> list[Finding]:  # noqa: ARG001  # ports have no dates
    """A site -> the port of its exchange and the one between SuperNode and launcher, which both start with the site."""
    listen, client_app = site.exchange.listen, f"127.0.0.1:{site.flower.client_app_port}"
    first = trouble(listen)
    second = trouble(client_app) if 0 < site.flower.client_app_port <= 65535 else "wanted a port from 1 to 65535"
    host, _, port = listen.rpartition(":")
    if int(port) == site.flower.client_app_port and host in _ON_LOOPBACK:
        second = second or "the exchange's port, too"
    ours = first == TAKEN and own_exchange_answers(site)
    return [
        _finding(EXCHANGE, listen, first, ours, "listen"),
        _finding(CLIENT_APP, client_app, second, ours and second == TAKEN, "client_app_port"),
    ]


def trouble(address: str) -> str:
    """ "host:port" -> why nothing could listen there, or nothing. Port 0 is any that is free."""
    host, _, port = address.rpartition(":")
    try:
        places = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as err:
        return f"no address of this machine: {err}"
    troubles = [_bound(family, place) for family, _, _, _, place in places]
    if errno.EADDRINUSE in troubles:
        return TAKEN
    return "" if 0 in troubles else os.strerror(troubles[0])  # one of a name's addresses is enough


def own_exchange_answers(site: SiteFile) -> bool:
    """Whether what listens on the site's address is an exchange with the site's own certificate."""
    host, _, port = site.exchange.listen.rpartition(":")
    own = PeerEndpoint(site.entity, f"{_EVERYWHERE.get(host, host)}:{port}")
    try:
        (probed,) = probe_all([own], credentials_of(site), DEADLINE_S)
    except DpmFlowerError:
        return False
    return probed.outcome in ("serving", "not serving")


def _bound(family: int, place: tuple[object, ...]) -> int:
    """An address -> 0 if a socket can be bound to it, which then listens for nobody and is closed; else the error's number."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: connections that have just ended are no hindrance
            one.bind(place)
    except OSError as err:
        return err.errno or errno.EINVAL
    return 0


def _finding(check: str, address: str, why: str, ours: bool, setting: str) -> Finding:
    if not why:
        return Finding(check, "ok", f"{address} is free")
    if ours:
        return Finding(
            check,
            "wrong",
            f"{address} is taken: this site runs already",
            "end it, or leave it as it is: systemctl stop, or SIGTERM to `dpm-flower site start`",
        )
    if why == TAKEN:
        port = address.rpartition(":")[2]
        return Finding(
            check,
            "wrong",
            f"{address} is taken by somebody else",
            f"see by whom: ss -ltnp 'sport = :{port}'; or write another {setting} in the site file",
        )
    return Finding(check, "wrong", f"nothing can listen on {address}: {why}", f"write another {setting} in the site file")
