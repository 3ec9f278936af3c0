"""What the audit log's own tests do not show: several entries in one go, and what a log is called."""

import os

import pytest

from dpm_flower.core.chain_file import ChainFile, Place
from dpm_flower.core.errors import OutputError, PoolError


@pytest.fixture
def log(tmp_path):
    return ChainFile(tmp_path / "log.jsonl", "site", lambda: 100.9, "diary")


def test_several_entries_are_written_in_order_in_one_go(log, monkeypatch):
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(descriptor) or fsync(descriptor))
    log.append("first")
    before = len(synced)
    head = log.append_all([("second", {"n": 1}), ("third", {"n": 2})])
    assert len(synced) == before + 1
    assert [entry.event for entry in log.entries()] == ["genesis", "first", "second", "third"]
    assert log.verify() == head


def test_where_not_all_of_them_fit_none_is_there(log, tmp_path, monkeypatch):
    log.append("first")
    before, write = (tmp_path / "log.jsonl").read_bytes(), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, place: write(descriptor, data[:-3], place))
    with pytest.raises(OutputError, match=r"cannot write the diary .*log\.jsonl"):
        log.append_all([("second", {}), ("third", {})])
    assert (tmp_path / "log.jsonl").read_bytes() == before


def test_messages_call_it_by_its_name(log, tmp_path):
    with pytest.raises(PoolError, match="cannot read the diary"):
        log.verify()
    log.append("first")
    with pytest.raises(PoolError, match=r"wanted the diary of other at .* got that of 'site'"):
        ChainFile(tmp_path / "log.jsonl", "other", called="diary").append("second")


def test_whoever_knows_a_place_reads_on_from_there_and_notices_another_entry_in_it(log, tmp_path):
    log.append("first")
    *_, (place, entry) = log.entries_after(None)
    assert (entry.event, place.hash) == ("first", entry.hash)
    assert list(log.entries_after(place)) == []
    log.append_all([("second", {}), ("third", {})])
    assert [entry.event for _, entry in log.entries_after(place)] == ["second", "third"]
    last = [each for each, _ in log.entries_after(place)][-1]
    assert [entry.event for _, entry in log.entries_after(last)] == []
    for wrong in (Place(place.start, "0" * 64), Place(place.start + 1, place.hash), Place(10**6, place.hash)):
        with pytest.raises(PoolError):
            list(log.entries_after(wrong))
