"""A site's launcher: for every task of its SuperNode it starts our client process, in place of Flower's, which would run the bundle.

The loop is Flower's own (`flower-superexec`), so that authentication, polling and retries are its; it starts `flwr-clientapp` by name, and
here that name is a script in a private folder that runs `apps/client_process.py` isolated from the environment and the working folder.

Run as ``python -m dpm_flower.apps.launcher SITE.TOML RUNTIME_API_ADDRESS SECRET_FILE PARENT_PID``.
"""

import os
import shlex
import sys
import tempfile
from pathlib import Path

from flwr.supercore.auth import load_superexec_auth_secret
from flwr.supercore.superexec.run_superexec import run_superexec

from dpm_flower.apps import client_process

COMMAND = "flwr-clientapp"


def main(site: str, address: str, secret_file: str, parent_pid: str) -> None:
    """Starts client processes until the process `parent_pid` ends."""
    secret = load_superexec_auth_secret(secret_file=secret_file)
    with tempfile.TemporaryDirectory(prefix="dpm-launcher-") as folder:
        write_command(Path(folder), Path(site).resolve())
        os.environ["PATH"] = folder + os.pathsep + os.environ.get("PATH", "")
        run_superexec(
            runtime_api_address=address,
            insecure=True,  # on loopback; who may take tasks is settled by the secret
            superexec_auth_secret=secret,
            parent_pid=int(parent_pid),
            runtime_dependency_install=False,
        )


def write_command(folder: Path, site: Path) -> Path:
    """A private folder and a site file -> the executable there that Flower takes for its own."""
    path = folder / COMMAND
    words = [sys.executable, "-I", str(Path(client_process.__file__).resolve()), "--site", str(site)]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    path.chmod(0o700)
    return path


if __name__ == "__main__":
    main(*sys.argv[1:])
