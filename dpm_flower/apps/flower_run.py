"""A Flower project and its run config -> the project run by Flower's simulation, with a SuperLink of its own that ends with the run."""

import http.client
import json
import queue
import re
import ssl
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.apps.flower_environment import environment, free_ports
from dpm_flower.apps.kept import kept
from dpm_flower.apps.run_config import as_toml
from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import OutputError, SettingError, StudyError

CONNECTION = "study"  # the name of our SuperLink in FLWR_HOME/config.toml
START_TIMEOUT_S = 120.0  # importing Flower on a machine that is busy with other runs took up to 20 s
CHECK_S = 0.5  # how late the death of the SuperLink is noticed
STATUS_S = 2.0  # between two questions for the status; each starts an interpreter
CAUSE_LINES = 12  # of the run's output, in the message of a failure
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def run_through_flower(
    project: Path,
    run_config: Mapping[str, str | int | float | bool],
    nodes: int,
    cpus_per_client: int,
    home: Path,
    on_line: Callable[[str], None],
) -> None:
    """Runs the Flower app in `project` on `nodes` simulated nodes; each line of its output goes to `on_line`, without colours.

    `home` becomes FLWR_HOME: the SuperLink's log and the unpacked app stay there, and one run at a time may use it. Clients run
    `machine's CPUs // cpus_per_client` at once. However this function is left, also by an exception in `on_line` or
    KeyboardInterrupt, and also when this whole process is killed, no process of the run stays behind.
    Raises SettingError for numbers below 1 or values that a run config cannot hold, OutputError if `home` cannot be written,
    StudyError with the cause unless the run was completed.
    """
    for name, value in (("nodes", nodes), ("cpus_per_client", cpus_per_client)):
        if value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}")
    if not (project / "pyproject.toml").is_file():
        raise StudyError(f"a Flower project is a folder with a pyproject.toml, got {project}")
    programs = Programs.beside_interpreter()
    text = as_toml(run_config)
    home = home.absolute()
    port, control_port = free_ports(2)
    overrides = home / "run-config.toml"
    env = environment(programs.flwr.parent, home, port, control_port)
    serve = [str(programs.superlink), "--insecure", "--simulation", "--isolation", "subprocess", "--host", "127.0.0.1"]
    serve += ["--port", str(port), "--control-api-address", f"127.0.0.1:{control_port}"]
    run = [str(programs.flwr), "run", str(project.absolute()), CONNECTION, "--stream", "--run-config", str(overrides)]
    run += ["--federation-config", f"num-supernodes={nodes} client-resources-num-cpus={cpus_per_client}"]
    log_path = home / "superlink.log"
    made(home)
    with alone_in(home):
        prepare(home, port, overrides, text)
        with log_path.open("wb") as log, kept(serve, env=env, folder=home, output=log) as superlink:
            watch = Watch(superlink, log_path)
            wait_until_up(watch, port)
            with kept(run, env=env, folder=home, output=subprocess.PIPE) as running:
                tail = follow(running, watch, on_line)
            finish(programs, env, home, watch, running.returncode, tail)


@dataclass(frozen=True, slots=True)
class Programs:
    """Flower's commands, by their paths."""

    flwr: Path
    superlink: Path

    @classmethod
    def beside_interpreter(cls) -> "Programs":
        """Those of the environment that this interpreter belongs to; raises StudyError if there are none."""
        folder = Path(sys.executable).parent  # not resolved: in a virtual environment the interpreter is a link
        found = cls(folder / "flwr", folder / "flower-superlink")
        for program in (found.flwr, found.superlink):
            if not program.is_file():
                raise StudyError(f"wanted Flower's command {program.name} beside the interpreter, found none in {folder}")
        return found


def made(home: Path) -> None:
    """Makes the folder for Flower's files; raises OutputError where it cannot be."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(f"cannot write to the folder for Flower's files {home}: {err}") from err


def prepare(home: Path, port: int, overrides: Path, text: str) -> None:
    """Writes Flower's configuration, and the run config's text to `overrides`. Raises OutputError."""
    connection = f'[superlink.{CONNECTION}]\naddress = "127.0.0.1:{port}"\ninsecure = true\n'
    try:
        overrides.write_text(text, encoding="utf-8")
        (home / "config.toml").write_text(f'[superlink]\ndefault = "{CONNECTION}"\n\n{connection}', encoding="utf-8")
    except OSError as err:
        raise OutputError(f"cannot write to the folder for Flower's files {home}: {err}") from err


class Watch:
    """Says whether the SuperLink is still there, and if not, why."""

    def __init__(self, superlink: subprocess.Popen[bytes], log_path: Path) -> None:
        self._superlink = superlink
        self._log_path = log_path

    def check(self) -> None:
        """Raises StudyError with the end of its log if the SuperLink has ended."""
        code = self._superlink.poll()
        if code is not None:
            lines = ANSI.sub("", self._log_path.read_text(encoding="utf-8", errors="replace")).splitlines()
            raise StudyError(f"Flower's SuperLink ended with code {code}; the end of its log:\n" + "\n".join(lines[-CAUSE_LINES:]))


def wait_until_up(watch: Watch, port: int, authority: Path | None = None) -> None:
    """Returns when the SuperLink answers on `port`, over TLS where it has a certificate by `authority`.

    Raises StudyError if it ended or stayed silent.
    """
    trusted = ssl.create_default_context(cafile=authority) if authority else None
    give_up = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up:
        watch.check()
        connection = (
            http.client.HTTPSConnection("localhost", port, timeout=CHECK_S, context=trusted)
            if trusted
            else http.client.HTTPConnection("127.0.0.1", port, timeout=CHECK_S)
        )
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == http.client.OK:
                return
        except (OSError, http.client.HTTPException):
            pass  # not yet
        finally:
            connection.close()
        time.sleep(CHECK_S / 2)
    raise StudyError(f"Flower's SuperLink did not answer within {START_TIMEOUT_S:.0f} s")


def follow(running: subprocess.Popen[bytes], watch: Watch, on_line: Callable[[str], None]) -> list[str]:
    """Hands each line of a process's output to `on_line` until it ends -> its last lines. Raises StudyError if the SuperLink dies."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def read() -> None:
        with suppress(ValueError):  # the stream was closed under us: nobody listens any more
            for line in running.stdout or ():
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    tail: deque[str] = deque(maxlen=CAUSE_LINES)
    while True:
        try:
            line = lines.get(timeout=CHECK_S)
        except queue.Empty:
            watch.check()
            continue
        if line is None:
            return list(tail)
        text = ANSI.sub("", line.decode(errors="replace")).rstrip()
        on_line(text)
        if text:
            tail.append(text)


def finish(programs: Programs, env: Mapping[str, str], home: Path, watch: Watch, code: int, tail: list[str]) -> None:
    """Returns once the run was completed; raises StudyError with its status and last lines if it ended otherwise."""
    while True:
        watch.check()
        status, details = run_status(programs, env, home, tail)
        if status == "finished:completed":
            return
        if not status or status.startswith("finished"):
            known = f"ended as {status!r}: {details or 'no details given'}" if status else f"never began, flwr's exit code is {code}"
            raise StudyError(f"the Flower run {known}; its last lines:\n" + "\n".join(tail))
        time.sleep(STATUS_S)  # the stream broke off, but the run goes on


def run_status(programs: Programs, env: Mapping[str, str], home: Path, tail: list[str]) -> tuple[str, str]:
    """The status of the SuperLink's newest run, such as ``finished:completed``, with its details; empty if there is no run."""
    command = [str(programs.flwr), "list", CONNECTION, "--format", "json"]
    with kept(command, env=env, folder=home, output=subprocess.PIPE) as listing:
        answer = b"".join(listing.stdout or ()).decode(errors="replace")
    try:
        runs = json.loads(answer[answer.index("{") :])["runs"]
        return (str(runs[0]["status"]), str(runs[0]["status-details"])) if runs else ("", "")
    except (ValueError, KeyError, TypeError) as err:
        raise StudyError(
            f"wanted the status of the run from flwr list, got {answer[-500:]!r}; its last lines:\n" + "\n".join(tail)
        ) from err
