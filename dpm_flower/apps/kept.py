"""A command -> a running process whose whole tree ends with the block, with this process, or with the command, whichever is first."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dpm_flower.apps import keeper
from dpm_flower.core.errors import StudyError

GRACE_S = 3.0  # between SIGTERM and SIGKILL: a Flower simulation tells its SuperLink goodbye in about one second
MARK = "DPM_FLOWER_KEPT"  # a variable in the environment of all processes of one tree, with a value of its own


@contextmanager
def kept(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    folder: Path,
    output: int | IO[bytes],
    grace_s: float = GRACE_S,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Starts `command` in `folder` under a keeper (see there); its output and its errors go to `output`.

    The command, but not the keeper, has the descriptors `pass_fds` as long as it runs, under the numbers that they have here.
    The process that is yielded is the keeper: it returns the command's exit code once nothing of the tree is left. The keeper has
    its own session, so that Ctrl-C in a terminal reaches this process only, which then ends the tree in an orderly way.
    Raises StudyError where there is no Linux to keep processes on, or where something could not be ended.
    """
    if not sys.platform.startswith("linux"):
        raise StudyError(f"runs through Flower are kept with Linux's child subreaper, got {sys.platform}; run the study in one process")
    mark = secrets.token_hex(16)
    scratch = tempfile.mkdtemp(prefix="dpm-")  # short: Ray's sockets lie in it, and their paths may have 107 characters
    fds = ",".join(map(str, pass_fds)) or keeper.NO_FDS
    process = subprocess.Popen(
        [sys.executable, "-I", keeper.__file__, str(os.getpid()), str(grace_s), scratch, fds, *command],
        env={**env, MARK: mark},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=pass_fds,
    )
    try:
        yield process
    finally:
        process.terminate()
        code = process.wait()
        if process.stdout is not None:
            process.stdout.close()
        # a negative code: the keeper itself was killed, perhaps for want of memory, and left its tree alone
        all_gone = end_marked(mark) if code < 0 else code != keeper.LEFT_BEHIND
        shutil.rmtree(scratch, ignore_errors=True)
    if not all_gone:
        raise StudyError(f"processes of {command[0]} hang in the kernel and cannot be ended")


def end_marked(mark: str) -> bool:
    """Kills every process that carries `mark`, however often they fork -> whether none is left."""
    give_up = time.monotonic() + keeper.KILL_S
    while found := marked(mark):
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() >= give_up:
            return False
        time.sleep(keeper.POLL_S / 2)
    return True


def marked(mark: str) -> list[int]:
    """The living processes whose environment carries `mark`; those of other users cannot be read and are not ours."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue  # it ended while we looked, or is another user's
    return found
