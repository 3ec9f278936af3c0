import os
import signal
import threading

import pytest

from dpm_flower.exchange.staging import Staging


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "mutex")


def die_at_work(folder):
    """Another process that takes a work folder and is killed in it."""
    child = os.fork()
    if child == 0:
        with Staging(folder).work() as work:
            (work / "half").write_bytes(b"x")
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_work_is_new_empty_and_gone_afterwards(tmp_path):
    staging = Staging(tmp_path / "s")
    with staging.work() as first, staging.work() as second:
        assert first != second
        assert [*first.iterdir(), *second.iterdir()] == []
        (first / "left").mkdir()
    assert leftovers(tmp_path / "s") == []


def test_work_is_gone_after_an_error_too(tmp_path):
    def break_off():
        with Staging(tmp_path).work() as work:
            (work / "left").write_bytes(b"x")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert leftovers(tmp_path) == []


def test_a_sweep_takes_what_the_dead_left_and_leaves_the_living_alone(tmp_path):
    die_at_work(tmp_path)
    assert len(leftovers(tmp_path)) == 2
    with Staging(tmp_path).work() as mine:
        (mine / "kept").write_bytes(b"x")
        Staging(tmp_path).sweep()
        assert leftovers(tmp_path) == sorted([mine.name, f"{mine.name}.lock"])
        assert (mine / "kept").read_bytes() == b"x"


@pytest.mark.parametrize("left", ["folder", "lock"])
def test_a_sweep_takes_half_of_what_a_writer_makes(tmp_path, left):
    staging = Staging(tmp_path)
    if left == "folder":
        (tmp_path / "1-ab" / "new").mkdir(parents=True)
    else:
        (tmp_path / "1-ab.lock").touch()
    staging.sweep()
    assert leftovers(tmp_path) == []


def test_the_mutex_holds_others_off(tmp_path):
    staging, entered = Staging(tmp_path), threading.Event()

    def enter():
        with Staging(tmp_path).mutex():
            entered.set()

    with staging.mutex():
        other = threading.Thread(target=enter)
        other.start()
        assert not entered.wait(0.05)
    other.join(5)
    assert entered.is_set()
