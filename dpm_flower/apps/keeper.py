"""A command line -> its exit code, once every process that it started, however deeply, has ended.

Run by its path, with the standard library only: ``python -I keeper.py PARENT_PID GRACE_S SCRATCH FDS COMMAND...``. The command ends when
it wants to, when this process gets SIGTERM, SIGINT or SIGHUP, or when the process PARENT_PID dies; then all that is left of its
tree gets SIGTERM and, after GRACE_S seconds, SIGKILL. It needs no names: as a child subreaper this process inherits the
daemons that detach themselves (a SuperLink's SuperExec, Ray), so the tree below it is complete. Its temporary files go to the
folder SCRATCH, which is removed at the end. The command alone gets the descriptors FDS ("3,4", or "-" for none).
Linux only. Source: prctl(2), PR_SET_CHILD_SUBREAPER and PR_SET_PDEATHSIG.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.1  # how late the end of the command or of the parent is noticed
KILL_S = 10.0  # a process that survives SIGKILL for longer hangs in the kernel, and nobody can end it
NO_FDS = "-"
NOT_STARTED = 127  # the shell's code for a command that cannot be run
LEFT_BEHIND = 70  # EX_SOFTWARE of sysexits.h: something could not be ended


def main(arguments: Sequence[str]) -> int:
    """PARENT_PID GRACE_S SCRATCH FDS COMMAND... -> the command's exit code, 128 + number after a signal."""
    parent, grace_s, scratch, command = int(arguments[0]), float(arguments[1]), arguments[2], arguments[4:]
    handed_on = [int(number) for number in arguments[3].split(",")] if arguments[3] != NO_FDS else []
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this kernel knows no child subreaper")
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: asked.append(received))
    try:
        try:
            child = subprocess.Popen(
                command,
                env={**os.environ, "TMPDIR": scratch},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=handed_on,
                # where this process itself is killed, the kernel tells the command; safe, as there is only one thread here
                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0),  # noqa: PLW1509
            )
        except OSError as err:
            print(f"cannot run {command[0]}: {err}", file=sys.stderr)
            return NOT_STARTED
        finally:
            for descriptor in handed_on:
                os.close(descriptor)  # what is in it is the command's
        code = None
        while code is None and not asked and os.getppid() == parent:
            time.sleep(POLL_S)
            code = reap(child.pid)
        code, gone = end_tree(child.pid, code, grace_s)
        child.returncode = code  # it has been waited for here, with the orphans
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if not gone:
        return LEFT_BEHIND
    return code if code >= 0 else 128 - code


def reap(pid: int) -> int | None:
    """Waits for all children that have ended -> the exit code of `pid` if it was one of them."""
    code = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if ended == 0:
            return code
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)


def end_tree(pid: int, code: int | None, grace_s: float) -> tuple[int, bool]:
    """Ends every process below this one -> the exit code of `pid`, and whether none is left."""
    signal_all(signal.SIGTERM)
    polite_until = time.monotonic() + grace_s
    give_up = polite_until + KILL_S
    while True:
        gone = not descendants(os.getpid())
        ended = reap(pid)  # after the look: with nobody alive, all that is left to wait for is here
        code = ended if code is None else code
        if gone or time.monotonic() >= give_up:
            return (-signal.SIGKILL if code is None else code), gone
        if time.monotonic() >= polite_until:
            signal_all(signal.SIGKILL)  # again and again: what forks meanwhile is found by the next look
        time.sleep(POLL_S / 2)


def signal_all(number: int) -> None:
    """Sends a signal to every process below this one."""
    for pid in descendants(os.getpid()):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def descendants(ancestor: int) -> list[int]:
    """The living processes below `ancestor`, parents before their children; zombies are left out."""
    children: dict[int, list[int]] = {}
    zombies = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # the name stands in parentheses and may hold anything, parentheses too
            state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue  # it ended while we looked
        children.setdefault(int(parent), []).append(int(entry.name))
        if state == "Z":
            zombies.add(int(entry.name))
    found: list[int] = []
    front = [ancestor]
    while front:
        front = [child for pid in front for child in children.get(pid, [])]
        found += front
    return [pid for pid in found if pid not in zombies]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
