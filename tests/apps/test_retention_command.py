import pytest

from dpm_flower.apps import retention_command
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.store import RetentionStore
from tests.data.retention.fakes import BEGIN, DAY, FakeClock, content, found_in


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def folder(tmp_path, clock):
    """A store with an image and something that was made of it."""
    store = RetentionStore.open(tmp_path / "store", RetentionPolicy(), clock)
    made = store.derive([store.add(content(1), BEGIN)])
    (made.folder / "rows").write_bytes(content(1))
    return store.folder


def test_status_says_what_is_held_and_when_it_goes_and_changes_nothing(folder, clock, capsys):
    assert retention_command.status(folder, clock) == 0
    out = capsys.readouterr().out
    assert "1 held, 1 have ever come" in out
    assert "1 things made of images" in out
    assert "1970-01-13T13:46:40Z" in out
    clock.advance(DAY)
    clock.set_back(50)
    assert retention_command.status(folder, clock) == 0
    out = capsys.readouterr().out
    assert "2: they go at the next purge" in out
    assert "the clock is 50 s behind" in out
    assert found_in(folder, 1) != []


def test_purge_deletes_what_is_over(folder, clock, capsys):
    assert retention_command.purge(folder, clock=clock) == 0
    assert capsys.readouterr().out.startswith("0 deleted")
    clock.advance(DAY)
    assert retention_command.purge(folder, clock=clock) == 0
    assert capsys.readouterr().out.startswith("2 deleted")
    assert found_in(folder, 1) == []


def test_purge_says_what_it_could_not_delete(folder, clock, capsys, monkeypatch):
    clock.advance(DAY)
    monkeypatch.setattr("os.unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted")))
    assert retention_command.purge(folder, clock=clock) == 1
    said = capsys.readouterr()
    assert said.out.startswith("0 deleted")
    assert said.err.count("Operation not permitted") == 2


def test_all_goes_by_order_even_with_a_damaged_ledger(folder, clock, capsys):
    (folder / "ledger.jsonl").write_bytes(b"damaged\n")
    assert retention_command.purge(folder, clock=clock) == 1
    assert found_in(folder, 1) != []
    assert retention_command.purge(folder, everything=True, clock=clock) == 1
    assert "was not written down" in capsys.readouterr().err
    assert found_in(folder, 1) == []


def test_verify_gives_the_head_and_every_fault(folder, clock, tmp_path, capsys):
    assert retention_command.verify(folder, [], None, clock) == 0
    head = capsys.readouterr().out.split()[0]
    assert retention_command.verify(folder, [head], folder / "key", clock) == 0
    assert retention_command.verify(folder, ["0" * 64], None, clock) == 1
    clock.advance(DAY)
    (folder / "stranger").write_bytes(b"")
    capsys.readouterr()
    assert retention_command.verify(folder, [], None, clock) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 4
    assert "3 things are wrong" in said.err
    for command in (retention_command.status, retention_command.purge):
        assert command(tmp_path) == 1
    assert "wanted a retention store" in capsys.readouterr().err


def test_with_the_machines_own_clock(folder):
    assert retention_command.purge(folder) == 0
    assert found_in(folder, 1) == []  # it came in 1970
    assert retention_command.verify(folder, [], None) == 0
