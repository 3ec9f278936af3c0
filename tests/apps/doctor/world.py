"""A consortium whose sites can be broken in one place each: entities a and b, a coordinator who signs any roster, an authority."""

import http.server
import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from dpm_flower.apps.doctor.finding import Check, Finding
from dpm_flower.apps.flower_environment import free_ports
from dpm_flower.exchange.authorisation import OnTheRoster
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.payload.development_ca import HOST_CERTIFICATE_NAME, HOST_KEY_NAME, DevelopmentCa
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.identity import REQUEST_NAME, Identity
from dpm_flower.payload.quorum import Coordinator
from dpm_flower.payload.roster import Member, Roster
from dpm_flower.payload.roster_envelope import PAYLOAD_TYPE, write_envelope
from dpm_flower.payload.roster_lock import pin
from dpm_flower.payload.roster_text import to_text
from dpm_flower.regime.site_file import SiteFile, read_site_file
from tests.exchange.peers import MemoryShelf

NOW = int(time.time())
DAY = 86_400
SITE = """\
entity = "a"
folder = "store"
[identity]
folder = "a"
[trust]
roster = "roster.toml"
lock = "roster.lock"
ca = "ca/ca.crt"
[exchange]
listen = "127.0.0.1:0"
certificate = "a.crt"
[flower]
superlink = "localhost:1"
root_certificates = "ca/ca.crt"
client_app_port = {port}
[policy]
studies = ["demo"]
methods = ["deep-poisoning"]
bundles = ["{bundle}"]
most = {{ "headline_p" = 0.1 }}
max_release_mb = 0.001
"""


@dataclass(frozen=True)
class World:
    """A folder with a site file for a, and everything that it names. `change` breaks the site file, the rest is in files."""

    folder: Path
    identities: dict[str, Identity]
    coordinator: Identity
    ca: DevelopmentCa
    port: int = field(default_factory=lambda: free_ports(1)[0])

    @property
    def path(self) -> Path:
        return self.folder / "site.toml"

    @property
    def site(self) -> SiteFile:
        return read_site_file(self.path)

    def change(self, *pairs: tuple[str, str]) -> None:
        """Texts in the site file, each there once, and what takes their places."""
        text = self.path.read_text()
        for old, new in pairs:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        self.path.write_text(text)

    def member(self, name: str, **changes: object) -> Member:
        plain = {"card": self.identities[name].card, "roles": frozenset({"entity"}), "valid_from": NOW - 60, "valid_until": NOW + 90 * DAY}
        return Member(**(plain | changes))

    def roster(self, *members: Member, **changes: object) -> Roster:
        plain = {
            "consortium": "trial",
            "version": 1,
            "made_at": NOW - 60,
            "expires_at": NOW + 90 * DAY,
            "coordinators": (Coordinator("coordinator", self.coordinator.signing.public),),
            "threshold": 1,
            "members": members or (self.member("a"), self.member("b")),
        }
        return Roster(**(plain | changes))

    def put(self, roster: Roster, signer: Identity | None = None) -> Envelope:
        """Leaves a roster, signed by the coordinator or another, where the site looks for it."""
        text = to_text(roster)
        envelope = Envelope(text, PAYLOAD_TYPE, (signer or self.coordinator).signing.sign(PAYLOAD_TYPE, text))
        write_envelope(self.folder / "roster.toml", envelope)
        return envelope

    def found(self, check: Check, now: int = NOW) -> dict[str, Finding]:
        """What a check finds, by name."""
        findings = check(self.site, now)
        assert all(bool(one.remedy) == (one.mark != "ok") for one in findings), findings
        return {one.check: one for one in findings}

    def files(self) -> dict[str, tuple[int, int, bytes]]:
        """Everything below the folder: mode, time of the last change, content."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            stat = path.lstat()
            found[str(path)] = (stat.st_mode, stat.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        return found

    @contextmanager
    def exchange(self, name: str, roster: Roster, listen: str = "127.0.0.1:0") -> Iterator[str]:
        """An entity's exchange, which has this roster -> its address, while it runs."""
        files = CredentialFiles(self.identities[name].tls_key_pem, self.folder / f"{name}.crt", self.folder / "ca" / "ca.crt")
        with ExchangeServer(listen, MemoryShelf(), OnTheRoster(lambda: roster), files) as server:
            yield server.address

    @contextmanager
    def superlink(self, status: int = 200, ahead_s: float | None = 0.0) -> Iterator[int]:
        """Stands for a SuperLink whose clock is ahead of this one, or that tells no time (None) -> its port."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response_only(status if self.path == "/health" else 404)
                if ahead_s is not None:
                    self.send_header("Date", self.date_time_string(time.time() + ahead_s))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        host = self.folder / "host"
        if not host.exists():
            self.ca.sign_host(host, ("localhost", "127.0.0.1"), now=NOW)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(host / HOST_CERTIFICATE_NAME, host / HOST_KEY_NAME)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()
            server.server_close()


def made(folder: Path) -> World:
    """A new folder -> a world in it in which nothing is wrong, but that nobody answers."""
    ca = DevelopmentCa.create(folder / "ca", "trial", now=NOW)
    identities = {name: Identity.create(folder / name, name, "localhost:1", now=NOW - 60, post_quantum=name == "a") for name in "ab"}
    for name, identity in identities.items():
        (folder / f"{name}.crt").write_bytes(ca.sign((folder / name / REQUEST_NAME).read_bytes(), identity.card, now=NOW))
    coordinator = Identity.generate("coordinator", "localhost:1", now=NOW, post_quantum=False)
    world = World(folder, identities, coordinator, ca)
    pin(folder / "roster.lock", world.put(world.roster()))
    (folder / "store").mkdir(mode=0o700)
    return world


def copied(world: World, folder: Path) -> World:
    """The same in another folder, to be broken, with a site file on a port of its own."""
    shutil.copytree(world.folder, folder, dirs_exist_ok=True)
    copy = replace(world, folder=folder, port=free_ports(1)[0])
    copy.path.write_text(SITE.format(port=copy.port, bundle="0" * 64))
    return copy
