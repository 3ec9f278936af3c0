import stat

import pytest

from dpm_flower.core.chain_file import ChainFile
from dpm_flower.core.errors import RetentionError
from dpm_flower.data.retention import ledger as module
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.ledger import Ledger
from dpm_flower.data.retention.ledger_snapshot import read_snapshot, write_snapshot
from dpm_flower.data.retention.verifying import verify
from tests.data.retention.fakes import BEGIN, DAY, content, found_in


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(module, "SNAPSHOT_ENTRIES", 1)


@pytest.fixture
def worked(often, store):
    """A store with a snapshot, an image, something made of it, and an order that was not carried out yet."""
    item = store.add(content(1), BEGIN)
    made = store.derive([item])
    store._keeping.ledger.append("not-deleted", id=made.id, reason="why")
    store._keeping.ledger.append("ordered", id=made.id)
    return store


def test_it_says_what_the_whole_ledger_says_and_only_its_owner_reads_it(worked):
    path = worked.folder / "ledger-state.json"
    _, state = read_snapshot(path)
    assert state == worked._keeping.ledger.replayed()
    assert len(state.held) == 2
    assert (len(state.ordered), list(state.stuck.values())) == (1, ["why"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_written_before_it_is_not_read_again(worked, monkeypatch):
    parsed, entries_after = [], ChainFile.entries_after

    def counted(*arguments):
        for found in entries_after(*arguments):
            parsed.append(found)
            yield found

    monkeypatch.setattr(ChainFile, "entries_after", counted)
    other = Ledger(worked.folder, lambda: BEGIN)
    assert other.state() == worked._keeping.ledger.state()
    assert parsed == []
    worked._keeping.ledger.append("swept", part="items", how="overwritten")
    other.state()
    assert len(parsed) == 2  # the new one, by each of the two


@pytest.mark.parametrize("change", [b"", b"x", b"00000000 {}", None])
def test_without_a_sound_one_all_is_read(worked, clock, opened, change):
    path = worked.folder / "ledger-state.json"
    path.unlink() if change is None else path.write_bytes(change)
    assert read_snapshot(path) is None
    assert len(opened().items()) == 1


def test_one_that_does_not_fit_the_ledger_is_passed_over(worked, opened, clock):
    path = worked.folder / "ledger-state.json"
    _, state = read_snapshot(path)
    (item,) = [held.id for held in state.held.values() if held.part == "items"]
    ledger = worked.folder / "ledger.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-2]))  # shorter than where the snapshot stands
    assert [held.id for held in opened().items()] == [item]


def test_one_that_keeps_something_longer_is_found_by_verify_and_by_the_name(worked, clock):
    path = worked.folder / "ledger-state.json"
    place, state = read_snapshot(path)
    state.held.clear()
    write_snapshot(path, place, state)
    assert verify(Keeping(worked.folder, clock)).wrong[0].startswith("ledger-state.json does not say what the ledger says")


def test_an_entry_that_was_changed_after_it_is_found_at_once_and_one_before_it_by_verify(worked, monkeypatch, clock, opened):
    monkeypatch.setattr(module, "SNAPSHOT_ENTRIES", 99)
    worked._keeping.ledger.append("swept", part="items", how="overwritten")
    ledger = worked.folder / "ledger.jsonl"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole.replace(b'"swept"', b'"sweep"'))
    with pytest.raises(RetentionError, match="was changed"):
        opened()
    ledger.write_bytes(whole.replace(b'"arrived_at"', b'"Arrived_at"', 1))
    assert len(opened().items()) == 1
    with pytest.raises(RetentionError, match="entry 2 was changed"):
        verify(Keeping(worked.folder, clock))


def test_on_time_with_a_snapshot_too(worked, clock, opened):
    clock.advance(DAY)
    assert opened().items() == ()
    assert found_in(worked.folder, 1) == []
    assert verify(Keeping(worked.folder, clock)).wrong == ()
