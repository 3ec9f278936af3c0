"""How the entities of a simulation get each other's releases: folders on one disk, or an exchange process for each of them."""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from dpm_flower.apps.kept import kept
from dpm_flower.core.errors import SettingError, StudyError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.federation.standings import GRPC, LOCAL
from dpm_flower.payload.development_ca import DevelopmentCa
from dpm_flower.payload.identity import REQUEST_NAME, card_in
from dpm_flower.regime.consortium import Consortium

SITES = "sites"  # every node is a site of its own, with its own exchange
KINDS = (LOCAL, GRPC, SITES)
START_S = 60.0  # an exchange imports no torch and is up in two seconds on a machine that has nothing else to do


@contextmanager
def exchanges(kind: str, run: Path, names: Sequence[str]) -> Iterator[None]:
    """What the run's entities need to get each other's releases is there within the block; processes end with it, or with this process.

    Raises SettingError for an unknown kind, StudyError where an exchange does not start.
    """
    if kind not in KINDS:
        raise SettingError(f"the exchange is one of {', '.join(KINDS)}, got {kind!r}")
    if kind == SITES:
        yield
        return
    consortium = Consortium(run)
    consortium.found(names)
    with ExitStack() as running:
        if kind == GRPC:
            certify(consortium, names)
            for name, lines in [(name, running.enter_context(_serving(consortium, name))) for name in names]:
                running.callback(consortium.address(name).unlink, missing_ok=True)
                _announce(consortium, name, lines)
        yield


def certify(consortium: Consortium, names: Sequence[str]) -> None:
    """Signs every entity's TLS certificate anew, by an authority that is made where there is none."""
    now, folder = int(time.time()), consortium.authority.parent
    authority = DevelopmentCa.open(folder) if consortium.authority.exists() else DevelopmentCa.create(folder, "simulation", now=now)
    for name in names:
        identity = consortium.site(name).identity
        signed = authority.sign((identity / REQUEST_NAME).read_bytes(), card_in(identity)[1], now=now)
        with whole_file(consortium.certificate(name)) as partial:
            partial.write_bytes(signed)


@contextmanager
def _serving(consortium: Consortium, name: str) -> Iterator["subprocess.Popen[bytes]"]:
    site = consortium.site(name)
    command = [sys.executable, "-m", "dpm_flower.cli", "exchange", "serve", "--listen", "127.0.0.1:0"]
    for option, value in (
        ("pool", site.pool),
        ("identity", site.identity),
        ("certificate", consortium.certificate(name)),
        ("ca", consortium.authority),
        ("roster", consortium.roster),
        ("lock", site.roster_lock),
    ):
        command += [f"--{option}", str(value)]
    with kept(command, env=os.environ, folder=consortium.run, output=subprocess.PIPE) as process:
        yield process


def _announce(consortium: Consortium, name: str, process: "subprocess.Popen[bytes]") -> None:
    """Waits until an exchange says where it listens, and leaves that for its peers. What it says later goes to a file in its site."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    log = consortium.site(name).folder / "exchange.log"

    def read() -> None:
        with suppress(ValueError), log.open("ab") as file:
            for line in process.stdout or ():
                lines.put(line)
                file.write(line)
                file.flush()
        lines.put(b"")

    threading.Thread(target=read, daemon=True).start()
    try:
        first = lines.get(timeout=START_S).decode(errors="replace").strip()
    except queue.Empty as err:
        raise StudyError(f"the exchange of {name} did not start within {START_S:.0f} s") from err
    address = first.rpartition(" on ")[2]
    if not address.startswith("127.0.0.1:"):
        raise StudyError(f"the exchange of {name} did not start: {first or 'it ended without a word'}")
    consortium.address(name).parent.mkdir(parents=True, exist_ok=True)
    with whole_file(consortium.address(name)) as partial:
        partial.write_text(address)
