import pytest

from dpm_flower.apps import retention_command
from dpm_flower.core.errors import SettingError
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


@pytest.fixture
def inbox(tmp_path, folder, clock):
    """The store's inbox, in which files wait, one of them hidden, and lie in `rejected`; they came a second ago by the clock."""
    files = [tmp_path / "inbox" / name for name in ("anna/a.png", "anna/.b.png", "rejected/anna/c.png")]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content(2))
    clock.wall_s = max(file.stat().st_ctime for file in files) + 1
    return tmp_path / "inbox"


def test_with_its_inbox_status_counts_what_is_over_there_and_purge_erases_it(inbox, folder, clock, capsys):
    assert retention_command.purge(folder, inbox=lambda: inbox, clock=clock) == 0
    assert capsys.readouterr().out.splitlines()[1] == "0 files of the inbox erased"
    clock.advance(DAY)
    assert retention_command.status(folder, clock, inbox=lambda: inbox) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "inbox      3 files are over: they go at the next purge that names it"
    assert len(found_in(inbox, 2)) == 3
    assert retention_command.purge(folder, inbox=lambda: inbox, clock=clock) == 0
    assert capsys.readouterr().out.splitlines()[1] == "3 files of the inbox erased"
    assert found_in(inbox, 2) == []
    assert retention_command.status(folder, clock, inbox=lambda: inbox) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "inbox      0 files are over"


def test_an_inbox_that_is_refused_is_left_alone_and_the_store_is_purged(inbox, folder, clock, capsys):
    def refusing():
        raise SettingError("not apart")

    clock.advance(DAY)
    assert retention_command.status(folder, clock, inbox=refusing) == 1
    assert "not apart" in capsys.readouterr().err
    assert retention_command.purge(folder, inbox=refusing, clock=clock) == 1
    said = capsys.readouterr()
    assert said.out.startswith("2 deleted")
    assert "not apart" in said.err
    assert len(found_in(inbox, 2)) == 3


def test_what_cannot_be_erased_in_an_inbox_is_told_without_its_name(inbox, folder, clock, capsys, monkeypatch):
    clock.advance(DAY)
    retention_command.purge(folder, clock=clock)
    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr("os.unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted")))
        assert retention_command.purge(folder, inbox=lambda: inbox, clock=clock) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[1] == "0 files of the inbox erased"
    assert said.err.count("Operation not permitted") == 3
    assert "anna" not in said.out + said.err
    (inbox / "anna" / "a.png").unlink()
    clock.advance(DAY)  # what was overwritten is new
    monkeypatch.setattr("os.fwalk", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted")))
    assert retention_command.status(folder, clock, inbox=lambda: inbox) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].startswith("inbox      1 files are over")
    assert "cannot look at what was rejected" in said.err


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
