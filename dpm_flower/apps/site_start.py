"""`dpm-flower site start`: one institution's site file -> its SuperNode, its launcher and its exchange, started and ended together."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dpm_flower.exchange  # noqa: F401  # says which TLS gRPC may speak, in this process and those that it starts
from dpm_flower.apps.ending import ended_by_signals
from dpm_flower.apps.kept import kept
from dpm_flower.apps.refusal import exit_code
from dpm_flower.apps.secret_pipe import path_of, secret_pipe
from dpm_flower.apps.supernode_environment import supernode_environment
from dpm_flower.core.errors import OutputError, SettingError, StudyError
from dpm_flower.data.image_cache import FOLDER as IMAGE_CACHE
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.passphrase import passphrase_lock
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_file import SiteFile, read_site_file

WATCH_S = 0.5  # how late the end of one of the three is noticed
LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One of a site's processes: what it is called, and its log."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])


def start(path: Path) -> int:
    """A site file -> the exit code, once SIGTERM or SIGINT ended the site, or one of its processes ended by itself."""

    def work() -> None:
        with ended_by_signals() as ended, running(path.resolve()) as parts:
            names = ", ".join(part.name for part in parts)
            print(f"site of {read_site_file(path).entity}: {names} started; logs beside {parts[0].log}", flush=True)
            while not ended.wait(WATCH_S):
                check(parts)

    return exit_code(work)


@contextmanager
def running(path: Path) -> Iterator[list[Part]]:
    """A site file -> its processes, which end with the block or with this process. Raises SettingError, OutputError, StudyError."""
    site = read_site_file(path)
    key = node_key(site, path)
    folder = site.folder
    secret = folder / "launcher.secret"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret.unlink(missing_ok=True)
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    except OSError as err:
        raise OutputError(f"cannot write to the site's folder {folder}: {err}") from err
    with ExitStack() as stack:
        parts = []
        with secret_pipe(key) as key_fd:
            ours = environment(site)  # with what opens the store and the keys
            commands: dict[str, tuple[list[str], dict[str, str], list[int]]] = {
                "exchange": (exchange_command(site), ours, []),
                "supernode": (supernode_command(site, path, secret, path_of(key_fd)), supernode_environment(ours), [key_fd]),
                "launcher": (launcher_command(site, path, secret), ours, []),
            }
            for name, (command, env, fds) in commands.items():
                log = folder / f"{name}.log"
                output = stack.enter_context(log.open("ab"))
                process = stack.enter_context(kept(command, env=env, folder=folder, output=output, pass_fds=fds))
                parts.append(Part(name, process, log))
        yield parts


def node_key(site: SiteFile, path: Path) -> bytes:
    """A site file -> the node's private key as Flower's SuperNode reads it, unlocked. Raises SettingError and OutputError.

    The SuperNode knows no passphrase, and reads its key once, when it starts. The site's other processes read the passphrase from
    the same credential themselves.
    """
    identity = Identity.open(site.identity.folder, passphrase_lock(None, site.identity.passphrase_credential or None))
    if identity.name != site.entity:
        raise SettingError(f"{path}: wanted the identity of {site.entity}, got that of {identity.name}")
    return identity.node_key_openssh()


def check(parts: list[Part]) -> None:
    """Raises StudyError with its last words if one of the processes has ended: without it the site is of no use."""
    for part in parts:
        if (code := part.process.poll()) is not None:
            raise StudyError(f"the {part.name} ended with code {code}; its last words:\n{part.last_words()}")


def exchange_command(site: SiteFile) -> list[str]:
    """The exchange, as `dpm-flower exchange serve` starts it."""
    places = {
        "pool": Site(site.folder).pool,
        "identity": site.identity.folder,
        "certificate": site.exchange.certificate,
        "ca": site.trust.ca,
        "roster": site.trust.roster,
        "lock": site.trust.lock,
    }
    options = [word for name, value in places.items() for word in (f"--{name}", str(value))]
    if credential := site.identity.passphrase_credential:
        options += ["--passphrase-credential", credential]
    if site.exchange.store:
        options += ["--store", site.exchange.store]
    return [sys.executable, "-m", "dpm_flower.cli", "exchange", "serve", "--listen", site.exchange.listen, *options]


def supernode_command(site: SiteFile, path: Path, secret: Path, key: str) -> list[str]:
    """Flower's SuperNode, which hands its tasks to our launcher only and reads its key from the path `key`."""
    return [
        str(Path(sys.executable).parent / "flower-supernode"),
        *("--superlink", site.flower.superlink, "--root-certificates", str(site.flower.root_certificates)),
        *("--auth-supernode-private-key", key, "--isolation", "process"),
        *("--host", "127.0.0.1", "--port", str(site.flower.client_app_port), "--superexec-auth-secret-file", str(secret)),
        *("--node-config", f'site="{path}"'),
    ]


def launcher_command(site: SiteFile, path: Path, secret: Path) -> list[str]:
    """Our launcher, which starts the installed package for bundles that the site allows."""
    address = f"127.0.0.1:{site.flower.client_app_port}"
    return [sys.executable, "-m", "dpm_flower.apps.launcher", str(path), address, str(secret), str(os.getpid())]


def environment(site: SiteFile) -> dict[str, str]:
    """This process's environment without reports to anybody; decoded images are kept in the site's folder, unless it says otherwise."""
    settings = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1"}
    return {IMAGE_CACHE: str(site.folder / "images"), **os.environ, **settings, "PYTHONUNBUFFERED": "1"}
