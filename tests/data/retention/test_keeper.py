import threading

from dpm_flower.data.retention import purging
from dpm_flower.data.retention.keeper import deleting_on_time
from tests.data.retention.fakes import BEGIN, DAY, content, found_in

WAIT_S = 60.0  # for a thread that looks every few milliseconds, however busy the machine is


def test_what_is_over_goes_while_the_program_does_something_else(store, clock, monkeypatch):
    gone, purge = threading.Event(), store._keeping.purge

    def purged():
        done = purge()
        if done.deleted:
            gone.set()
        return done

    monkeypatch.setattr(store._keeping, "purge", purged)
    store.add(content(1), BEGIN)
    with deleting_on_time(store, lambda _: None, wait_s=0.001):
        clock.advance(DAY)
        assert gone.wait(WAIT_S)
        assert found_in(store.folder, 1) == []


def test_it_looks_at_the_end_and_tells_what_it_cannot_do(store, clock, monkeypatch):
    told = []
    store.add(content(1), BEGIN)
    with deleting_on_time(store, told.append):
        clock.advance(DAY)
    assert (told, found_in(store.folder, 1)) == ([], [])
    monkeypatch.setattr(store._keeping, "purge", lambda: purging.Purged(failed=("one", "two")))
    with deleting_on_time(store, told.append):
        pass
    (store.folder / "ledger.jsonl").write_bytes(b"damaged\n")
    monkeypatch.undo()
    with deleting_on_time(store, told.append):
        pass
    assert told[:2] == ["one", "two"]
    assert "was changed" in told[2]
    assert threading.active_count() == len(threading.enumerate())


def test_what_else_has_to_go_is_called_at_every_look_and_tells_what_it_cannot_do(store):
    called, told = [], []

    def also():
        called.append(1)
        raise OSError(5, "Input/output error")

    with deleting_on_time(store, told.append, also=also):
        pass
    assert (len(called), told) == (1, ["[Errno 5] Input/output error"])
