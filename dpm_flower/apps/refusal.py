"""How a command ends: what it does -> its exit code, with one line on the error output for a refusal."""

import sys
from collections.abc import Callable

from dpm_flower.core.errors import DpmFlowerError


def exit_code(work: Callable[[], None]) -> int:
    """Runs `work` -> 0, or 1 when it was refused, after one line that says why. Anything else that is raised is a bug and passes."""
    try:
        work()
    except DpmFlowerError as err:
        print(f"dpm-flower: {' '.join(str(err).split())}", file=sys.stderr)
        return 1
    return 0
