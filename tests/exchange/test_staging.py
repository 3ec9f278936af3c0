import os
import signal
import threading
import time

import pytest

from dpm_flower.exchange.staging import Staging


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "mutex")


def die_at_work(folder):
    """Another process that takes a work folder and is killed in it."""
    child = os.fork()
    if child == 0:
        with Staging(folder).work("dead") as work:
            (work / "half").write_bytes(b"x")
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_work_is_new_empty_and_gone_afterwards(tmp_path):
    staging = Staging(tmp_path / "s")
    with staging.work("a") as first, staging.work("b") as second:
        assert [first.name, second.name] == ["a", "b"]
        assert [*first.iterdir(), *second.iterdir()] == []
        (first / "left").mkdir()
    assert leftovers(tmp_path / "s") == []


def test_work_is_gone_after_an_error_too(tmp_path):
    def break_off():
        with Staging(tmp_path).work("a") as work:
            (work / "left").write_bytes(b"x")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert leftovers(tmp_path) == []


def test_a_sweep_takes_what_the_dead_left_and_leaves_the_living_alone(tmp_path):
    die_at_work(tmp_path)
    assert len(leftovers(tmp_path)) == 2
    with Staging(tmp_path).work("mine") as mine:
        (mine / "kept").write_bytes(b"x")
        Staging(tmp_path).sweep()
        assert leftovers(tmp_path) == sorted([mine.name, f"{mine.name}.lock"])
        assert (mine / "kept").read_bytes() == b"x"


@pytest.mark.parametrize("left", ["folder", "lock"])
def test_a_sweep_takes_half_of_what_a_writer_makes(tmp_path, left):
    staging = Staging(tmp_path)
    if left == "folder":
        (tmp_path / "ab" / "new").mkdir(parents=True)
    else:
        (tmp_path / "ab.lock").touch()
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


def test_the_mutex_may_be_nested_and_is_let_go_at_the_outer_end(tmp_path):
    staging = Staging(tmp_path)
    with staging.mutex(), staging.mutex():
        pass
    entered = threading.Event()

    def enter():
        with Staging(tmp_path).mutex():
            entered.set()

    other = threading.Thread(target=enter)
    with staging.mutex():
        with staging.mutex():
            other.start()
        assert not entered.wait(0.05)  # the inner end lets nobody in
    other.join(5)
    assert entered.is_set()


def test_what_a_dead_writer_left_is_gone_for_the_next_of_its_name(tmp_path):
    die_at_work(tmp_path)
    with Staging(tmp_path).work("dead") as work:
        assert [*work.iterdir()] == []


def test_two_of_one_name_work_one_after_the_other(tmp_path):
    staging, log = Staging(tmp_path), []

    def work(who):
        with Staging(tmp_path).work("same") as folder:
            log.append((who, "in"))
            (folder / "file").touch(exist_ok=False)
            time.sleep(0.002)
            log.append((who, "out"))

    others = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    with staging.work("same"):
        for other in others:
            other.start()
        time.sleep(0.02)
        assert log == []
    for other in others:
        other.join(5)
    assert len(log) == 12
    assert all(log[n][0] == log[n + 1][0] for n in range(0, 12, 2))


def test_idle_is_who_has_no_writer_and_gets_none_meanwhile(tmp_path):
    staging, began = Staging(tmp_path), threading.Event()

    def begin():
        with Staging(tmp_path).work("a"):
            began.set()

    other = threading.Thread(target=begin)
    with staging.idle("a") as idle:
        assert idle
        other.start()
        assert not began.wait(0.05)
    other.join(5)
    assert began.is_set()
    with staging.work("a"), staging.idle("a") as idle:
        assert not idle
    assert leftovers(tmp_path) == []


def test_who_waited_for_a_lock_that_is_gone_holds_the_new_one(tmp_path):
    staging, began, done = Staging(tmp_path), threading.Event(), threading.Event()

    def work():
        with Staging(tmp_path).work("a"):
            began.set()
            done.wait(60)

    other = threading.Thread(target=work)
    with staging.work("a"):
        other.start()
        time.sleep(0.05)  # the other has opened the lock file that is about to go
    assert began.wait(60)
    with staging.idle("a") as idle:
        assert not idle
    done.set()
    other.join(60)
    assert leftovers(tmp_path) == []
