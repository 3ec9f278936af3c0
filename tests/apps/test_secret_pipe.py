"""A secret in a pipe reaches one process, whole and once; Flower reads a node's key from it."""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flwr.supernode.cli.flower_supernode import _try_setup_client_authentication

from dpm_flower.apps.kept import kept
from dpm_flower.apps.secret_pipe import path_of, secret_pipe
from dpm_flower.core.errors import OutputError
from dpm_flower.payload.public_forms import openssh_line
from tests.payload.identities import identity

# what the path holds, read twice
READER = """
import hashlib, sys
first, second = (open(sys.argv[1], "rb").read() for _ in range(2))
print(hashlib.sha256(first).hexdigest(), len(second))
"""


def test_a_kept_command_reads_the_secret_once_and_then_it_is_gone(tmp_path: Path) -> None:
    secret = identity().node_key_openssh()
    with secret_pipe(secret) as descriptor:
        command = [sys.executable, "-c", READER, path_of(descriptor)]
        with kept(command, env=os.environ, folder=tmp_path, output=subprocess.PIPE, pass_fds=[descriptor]) as process:
            assert process.stdout is not None
            said = process.stdout.read().decode().split()
    assert said == [hashlib.sha256(secret).hexdigest(), "0"]


def test_the_keeper_of_a_running_command_has_let_go_of_the_pipe(tmp_path: Path) -> None:
    waiting = [sys.executable, "-c", "print(1, flush=True); import time; time.sleep(300)"]
    with secret_pipe(b"secret") as descriptor:
        pipe = os.readlink(f"/proc/self/fd/{descriptor}")
        with kept(waiting, env=os.environ, folder=tmp_path, output=subprocess.PIPE, pass_fds=[descriptor]) as keeper:
            assert keeper.stdout is not None
            keeper.stdout.readline()
            child = int(Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text())
            assert pipe in _open_files(child)
            assert pipe not in _open_files(keeper.pid)


def test_another_command_that_is_started_meanwhile_does_not_get_it(tmp_path: Path) -> None:
    with secret_pipe(b"secret") as descriptor:
        command = [sys.executable, "-c", READER, path_of(descriptor)]
        with kept(command, env=os.environ, folder=tmp_path, output=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert b"No such file" in process.stdout.read()


def test_flower_takes_the_key_of_a_node_from_it() -> None:
    made = identity()
    with secret_pipe(made.node_key_openssh()) as descriptor:
        asked = argparse.Namespace(auth_supernode_private_key=path_of(descriptor), auth_supernode_public_key=None)
        found = _try_setup_client_authentication(asked)
    assert found is not None
    assert openssh_line(found[1]) == made.card.node_public_key


def test_more_than_a_pipe_takes_is_refused_and_never_waited_for() -> None:
    with pytest.raises(OutputError, match="at once"), secret_pipe(bytes(1 << 20)):
        pass


def _open_files(pid: int) -> list[str]:
    return [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
