"""Folders and ports -> the environment variables under which Flower and Ray keep to themselves, and ports that are free."""

import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from dpm_flower.core.errors import StudyError

FREE_AGAIN_S = 30.0  # what was killed a moment ago is ended by its keepers within a few seconds


def environment(bin_folder: Path, home: Path, port: int, control_port: int) -> dict[str, str]:
    """This process's environment -> the run's: a Flower of its own, a Ray of its own, no reports to anybody."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FLWR_", "RAY_"))}
    direct = ",".join(filter(None, [env.get("NO_PROXY") or env.get("no_proxy"), "127.0.0.1", "localhost"]))
    return env | {
        "PATH": os.pathsep.join(filter(None, [str(bin_folder), env.get("PATH")])),  # the SuperLink finds its helpers by name
        "FLWR_HOME": str(home),
        # of no use while `flwr` finds our SuperLink in its configuration; should it ever start one, then no stranger's port
        "FLWR_LOCAL_SUPERLINK_HTTP_API_PORT": str(port),
        "FLWR_LOCAL_CONTROL_API_PORT": str(control_port),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",  # else each run builds an environment, torch included
        "RAY_ADDRESS": "local",  # else Ray joins whatever cluster runs on this machine
        "RAY_USAGE_STATS_ENABLED": "0",
        # no workers in advance: none of them has the app's environment, so they would start and end unused
        "RAY_enable_worker_prestart": "0",
        "RAY_prestart_worker_first_driver": "0",
        "NO_PROXY": direct,
        "no_proxy": direct,
        "PYTHONUNBUFFERED": "1",  # lines reach us when they are printed
        "PYTHONIOENCODING": "utf-8",  # Flower prints emoji, whatever the locale
    }


def free_ports(count: int) -> list[int]:
    """Different TCP ports of the loopback interface that nobody listens on at this moment."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_until_free(ports: Iterable[int], within_s: float = FREE_AGAIN_S) -> None:
    """Returns once nobody listens on any of these ports of the loopback interface. Raises StudyError if one stays taken."""
    give_up = time.monotonic() + within_s
    for port in ports:
        while _taken(port):
            if time.monotonic() >= give_up:
                raise StudyError(f"port {port} is taken: wanted it free within {within_s:g} s")
            time.sleep(0.1)


def _taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: connections that have ended do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
