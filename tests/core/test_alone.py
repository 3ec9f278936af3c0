"""One run at a time in a folder, whatever becomes of the one before."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import OutputError, StudyError

HOLD = """
import sys
from pathlib import Path
from dpm_flower.core.alone import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(StudyError, match=f"another run is writing to {tmp_path}"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass


def test_an_error_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone_in(tmp_path):
        raise ZeroDivisionError
    with alone_in(tmp_path):
        pass


def test_another_process_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(StudyError, match="another run"), alone_in(tmp_path):
            pass
        process.kill()
    with alone_in(tmp_path):
        pass


def test_who_waits_goes_on_when_the_first_is_done(tmp_path: Path) -> None:
    def waits() -> bool:
        with alone_in(tmp_path, wait_s=60.0):
            return True

    with ThreadPoolExecutor(1) as pool:
        with alone_in(tmp_path):
            waiting = pool.submit(waits)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.1)
        assert waiting.result(timeout=10)


def test_who_waits_is_refused_when_the_time_is_over(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(StudyError, match="another run"), alone_in(tmp_path, wait_s=0.05):
        pass


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"), alone_in(tmp_path / "none"):
        pass


def test_a_child_that_was_forked_meanwhile_holds_nothing_once_the_block_has_ended(tmp_path):
    with alone_in(tmp_path):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.read(reading, 1)  # until the test says so
            os._exit(0)
    try:
        with alone_in(tmp_path):
            assert os.waitpid(child, os.WNOHANG) == (0, 0)  # it is alive, and the folder is free all the same
    finally:
        os.write(writing, b"x")
        os.waitpid(child, 0)
