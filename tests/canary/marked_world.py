"""A deployment in one process: sites with keys, site files and exchanges of their own, and a server that holds none of theirs."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flwr.app import Context, Message

from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.flower_environment import free_ports
from dpm_flower.apps.server import app as server_app
from dpm_flower.apps.simulated_exchanges import SITES, certify
from dpm_flower.exchange.authorisation import OnTheRoster
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.exchange.shelf import PoolShelf
from dpm_flower.federation.opening import find_study
from dpm_flower.federation.standings import LOCAL
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.regime.consortium import Consortium
from dpm_flower.regime.site import Site
from tests.canary.recording_grid import RecordingGrid

App = Callable[[Message, Context], Message]
LOG_NAME = "process.log"


@dataclass(frozen=True, slots=True)
class World:
    """Where the parts of a marked run lie: the server's output; in a deployment the sites and what they share apart from it."""

    folder: Path
    study_name: str
    data: Path
    deployment: bool = True

    @property
    def output(self) -> Path:
        """All that the server writes, and the log of the process."""
        return self.folder / "server"

    @property
    def consortium(self) -> Consortium:
        """The sites, their roster and authority."""
        return Consortium(self.folder / "institutions" if self.deployment else self.output)

    @property
    def names(self) -> tuple[str, ...]:
        """The entities."""
        return find_study(self.study_name).partition.names

    def site(self, name: str) -> Site:
        """A deployed entity's folder."""
        return self.consortium.site(name)


def run(world: World, app: App = client_app) -> RecordingGrid:
    """Runs the study to its end, or to what it raises -> what was carried.

    In a deployment with confidential releases over gRPC. The server could reach the sites' folders below its output, as where
    everything lies on one machine, and must not look.
    """
    names, consortium = world.names, world.consortium
    world.output.mkdir(parents=True)
    if not world.deployment:
        return _run(world, app, [{"partition-id": number, "num-partitions": len(names)} for number in range(len(names))], LOCAL)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    consortium.found(names, {name: f"localhost:{port}" for name, port in ports.items()})
    certify(consortium, names)
    (world.output / "sites").symlink_to(consortium.run / "sites", target_is_directory=True)
    with ExitStack() as stack:
        for name in names:
            _site_file(world, name).write_text(_site_text(world, name, ports[name]))
            stack.enter_context(_exchange(world, name, ports[name]))
        return _run(world, app, [{"site": str(_site_file(world, name))} for name in names], SITES)


def _run(world: World, app: App, nodes: Sequence[dict[str, object]], exchange: str) -> RecordingGrid:
    config = {"study": world.study_name, "data": str(world.data), "seeds": "", "output": str(world.output), "exchange": exchange}
    grid = RecordingGrid(app, nodes, config)
    with _logged(world.output / LOG_NAME), _scratch(world.folder / "scratch"):
        server_app(grid, grid.server_context())
    return grid


@contextmanager
def _scratch(folder: Path) -> Iterator[None]:
    """Temporary files lie in this folder inside the block, so that what is left of them is searched."""
    folder.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Whatever anybody in this process logs, at any level, goes to a file as well."""
    root, flower, handler = logging.getLogger(), logging.getLogger("flwr"), logging.FileHandler(path)
    for logger in (root, flower):
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in (root, flower):
            logger.removeHandler(handler)
        handler.close()


@contextmanager
def _exchange(world: World, name: str, port: int) -> Iterator[None]:
    site, consortium = world.site(name), world.consortium
    identity = Identity.open(site.identity)
    credentials = CredentialFiles(identity.tls_key_pem, consortium.certificate(name), consortium.authority)
    admit = OnTheRoster(RosterFile(consortium.roster, site.roster_lock))
    with ExchangeServer(f"localhost:{port}", PoolShelf(Pool(site.pool, site=name)), admit, credentials):
        yield


def _site_file(world: World, name: str) -> Path:
    return world.site(name).folder / "site.toml"


def _site_text(world: World, name: str, port: int) -> str:
    """A site file without limits on the audit: here it is not the policy that has to find a leak."""
    site, consortium = world.site(name), world.consortium
    study = find_study(world.study_name)
    methods = ", ".join(f'"{method.name}"' for method in study.methods)
    return f"""\
entity = "{name}"
folder = "{site.folder}"
[identity]
folder = "{site.identity}"
[trust]
roster = "{consortium.roster}"
lock = "{site.roster_lock}"
ca = "{consortium.authority}"
[exchange]
listen = "localhost:{port}"
certificate = "{consortium.certificate(name)}"
[flower]
superlink = "localhost:1"
root_certificates = "{consortium.authority}"
[policy]
studies = ["{study.name}"]
methods = [{methods}]
network_updates = true
confidential = true
"""
