"""What the tests of all typed wrappers share: the words for a passphrase, and what the help of a command imports."""

import subprocess
import sys

FD, CREDENTIAL = ["--passphrase-fd", "3"], ["--passphrase-credential", "keys"]

_HELP = """
import sys
from dpm_flower.cli import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    print("CODE", end.code, [name for name in ("cryptography", "torch", "flwr", "numpy") if name in sys.modules])
"""


def check_light(arguments: list[str]) -> None:
    """A command's words -> nothing, if it ended well and imported nothing that takes long."""
    done = subprocess.run([sys.executable, "-c", _HELP, *arguments], capture_output=True, text=True, check=False)
    assert "CODE 0 []" in done.stdout, done.stderr
