"""No process stays behind, however a kept command is left. The command here behaves as badly as a daemon can."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dpm_flower.apps import kept as module
from dpm_flower.apps.kept import end_marked, kept, marked
from dpm_flower.core.errors import StudyError

# A child in a session of its own, and a grandchild that detaches itself; both ignore every polite signal.
STUBBORN = """
import os, signal, sys, time
def note(name):
    open(name + ".part", "w").write(str(os.getpid()))
    os.rename(name + ".part", name)
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    note(sys.argv[1] + "-orphan")
else:
    note(sys.argv[1])
time.sleep(300)
"""
# Their parent says when they are there. With a second argument it ends with that code and leaves them alone.
DAEMONS = """
import os, subprocess, sys, time
path = sys.argv[1]
open(path + "-temp", "w").write(os.environ["TMPDIR"])
subprocess.Popen([sys.executable, "-c", os.environ["STUBBORN"], path], start_new_session=True)
while not (os.path.exists(path) and os.path.exists(path + "-orphan")):
    time.sleep(0.01)
print("ready", flush=True)
if len(sys.argv) > 2:
    sys.exit(int(sys.argv[2]))
time.sleep(300)
"""
ENV = {**os.environ, "STUBBORN": STUBBORN, "PYTHONPATH": str(Path(module.__file__).parents[2])}
PARENT = """
import os, sys, time
from pathlib import Path
from dpm_flower.apps.kept import kept
with kept(sys.argv[2:], env=os.environ, folder=Path(sys.argv[1]), output=1, grace_s=0.2):
    time.sleep(300)
"""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _pids(path: Path) -> list[int]:
    return [int(path.read_text()), int(Path(f"{path}-orphan").read_text())]


def _wait_until_gone(pids: list[int], timeout_s: float) -> None:
    give_up = time.monotonic() + timeout_s
    while any(map(_alive, pids)):
        assert time.monotonic() < give_up, f"still there: {[pid for pid in pids if _alive(pid)]}"
        time.sleep(0.02)


@contextmanager
def _daemons(tmp_path: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[bytes]", list[int]]]:
    path = tmp_path / "pid"
    command = [sys.executable, "-c", DAEMONS, str(path), *arguments]
    with kept(command, env=ENV, folder=tmp_path, output=subprocess.PIPE, grace_s=0.2) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        pids = _pids(path)
        if not arguments:
            assert all(map(_alive, pids))
            assert Path(Path(f"{path}-temp").read_text()).is_dir()
        yield process, pids


def _check_gone(tmp_path: Path, pids: list[int]) -> None:
    assert not any(map(_alive, pids))
    assert not Path((tmp_path / "pid-temp").read_text()).exists()


def test_all_is_gone_when_the_block_ends(tmp_path: Path) -> None:
    with _daemons(tmp_path) as (_, pids):
        pass
    _check_gone(tmp_path, pids)


def test_all_is_gone_after_an_interrupt(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), _daemons(tmp_path) as (_, pids):
        raise KeyboardInterrupt
    _check_gone(tmp_path, pids)


def test_a_command_that_ends_takes_its_daemons_along_and_its_code_is_returned(tmp_path: Path) -> None:
    with _daemons(tmp_path, "7") as (process, pids):
        assert process.wait(timeout=10) == 7
        _check_gone(tmp_path, pids)


def test_all_is_gone_when_the_keeper_itself_was_killed(tmp_path: Path) -> None:
    with _daemons(tmp_path) as (process, pids):
        process.kill()
    _check_gone(tmp_path, pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_all_is_gone_when_the_parent_dies(tmp_path: Path, number: int) -> None:
    path = tmp_path / "pid"
    command = [sys.executable, "-c", PARENT, str(tmp_path), sys.executable, "-c", DAEMONS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENV) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        pids = _pids(path)
        assert all(map(_alive, pids))
        parent.send_signal(number)
    _wait_until_gone(pids, 10.0)


def test_a_terminals_interrupt_reaches_no_kept_process(tmp_path: Path) -> None:
    with _daemons(tmp_path) as (process, pids):
        assert os.getsid(process.pid) != os.getsid(0)
        assert all(os.getsid(pid) != os.getsid(0) for pid in pids)


def test_a_signal_that_ends_the_command_shows_in_its_code(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    with kept(command, env=os.environ, folder=tmp_path, output=subprocess.DEVNULL) as process:
        assert process.wait(timeout=10) == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist_is_named_in_the_output(tmp_path: Path) -> None:
    with kept([str(tmp_path / "missing")], env=os.environ, folder=tmp_path, output=subprocess.PIPE) as process:
        assert process.wait(timeout=10) == 127
        assert process.stdout is not None
        assert b"cannot run" in process.stdout.read()


def test_marks_find_their_own_process_only(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(300)"]
    sleepers = [subprocess.Popen(command, env={**os.environ, module.MARK: mark}, stdout=subprocess.PIPE) for mark in ("one", "only", "one")]
    for sleeper in sleepers:
        assert sleeper.stdout is not None
        sleeper.stdout.readline()
    assert sorted(marked("one")) == sorted([sleepers[0].pid, sleepers[2].pid])
    sleepers[0].kill()
    sleepers[0].wait()
    sleepers[2].kill()
    sleepers[2].wait()
    assert end_marked("one")
    assert sleepers[1].poll() is None
    sleepers[1].kill()
    sleepers[1].wait()
    for sleeper in sleepers:
        assert sleeper.stdout is not None
        sleeper.stdout.close()


def test_other_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "platform", "darwin")
    with pytest.raises(StudyError, match="Linux"), kept(["true"], env={}, folder=tmp_path, output=subprocess.DEVNULL):
        pass
