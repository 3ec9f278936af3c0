"""`make fuzz`: coverage-guided fuzzing of the targets with atheris, each for its share of the time, from sound seeds.

    python -m tests.fuzz.run [SECONDS]                   all targets, one process each
    python -m tests.fuzz.run SECONDS TARGET FOLDER       one, with an empty folder for its corpus

What a target finds is written to runs/fuzz/ by libFuzzer, and the exit code is not 0.
"""

import importlib
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

SECONDS = 600
INPUT_BYTES = 1 << 16  # what is new lies in the structure, not in the length
MEMORY_MIB = 2048
FOUND = Path("runs/fuzz")
MISSING = (
    "wanted the fuzzing engine atheris, which is not installed here: `.venv/bin/python -m pip install atheris`. "
    "Where there is no wheel for this Python, that builds it with clang and libFuzzer: see https://github.com/google/atheris."
)


def fuzz(name, seconds, corpus):
    """One target until the time is over or something is found. Does not return: libFuzzer ends the process."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["dpm_flower.payload"]):
        target, seeds = importlib.import_module("tests.fuzz.targets").TARGETS[name]

    def once(data):
        target(data)  # atheris wants nothing back

    FOUND.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (Path(corpus) / str(number)).write_bytes(seed)
    limits = [
        f"-max_total_time={seconds}",
        f"-max_len={INPUT_BYTES}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-artifact_prefix={FOUND}/{name}-",
    ]
    atheris.Setup([sys.argv[0], *limits, corpus], once)
    atheris.Fuzz()


def main(arguments):
    """What was typed -> the exit code."""
    if find_spec("atheris") is None:
        print(MISSING, file=sys.stderr)
        return 1
    seconds = int(arguments[0]) if arguments else SECONDS
    if len(arguments) > 1:
        fuzz(arguments[1], seconds, arguments[2])
    names = list(importlib.import_module("tests.fuzz.targets").TARGETS)
    for name in names:
        with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as corpus:
            command = [sys.executable, "-m", "tests.fuzz.run", str(max(1, seconds // len(names))), name, corpus]
            code = subprocess.run(command, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
