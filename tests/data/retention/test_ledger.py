import pytest

from dpm_flower.core.errors import OutputError, RetentionError
from dpm_flower.data.retention.ledger import Ledger

ADDED = {"expires_at": 100, "arrived_at": 0, "digest": "d", "labels_digest": "l"}


def ids(ledger):
    return sorted(ledger.state().held)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path, lambda: 7)


def test_what_came_and_went_is_known_to_whoever_reads_it(ledger, tmp_path):
    assert not ledger.exists
    assert ids(ledger) == []
    ledger.append("added", id="a" * 32, **ADDED)
    ledger.append_all([("added", {"id": "b" * 32, **ADDED}), ("derived", {"id": "c" * 32, **ADDED})])
    ledger.append_all([])
    ledger.append("deleted", id="a" * 32)
    for one in (ledger, Ledger(tmp_path, lambda: 7)):
        assert ids(one) == ["b" * 32, "c" * 32]
        assert one.state().added == 2
        assert one.state().last_at == 7
    assert list(ledger.gone()) == ["a" * 32]
    assert ledger.verify([ledger.head]) == ledger.head
    assert len((tmp_path / "ledger.jsonl").read_bytes().splitlines()) == 5  # with the one that begins every chain


def test_another_writers_entries_are_seen_and_nothing_is_read_twice(ledger, tmp_path, monkeypatch):
    other = Ledger(tmp_path, lambda: 8)
    other.append("added", id="a" * 32, **ADDED)
    assert ids(ledger) == ["a" * 32]
    ledger.append("added", id="b" * 32, **ADDED)
    assert ids(other) == ["a" * 32, "b" * 32]
    other.append("deleted", id="a" * 32)
    monkeypatch.setattr(other._file, "entries", lambda: pytest.fail("it was read again"))
    assert ids(other) == ["b" * 32]
    assert ids(ledger) == ["b" * 32]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b'"expires_at":100', b'"expires_at":900', "entry 1 was changed"),
        (b'"event":"added"', b'"event":"swept"', "entry 1 was changed"),
        (b"\n{", b"\n\xff{", "entry 1 was changed"),
    ],
)
def test_a_ledger_that_was_changed_is_refused_by_entry(ledger, tmp_path, old, new, error):
    ledger.append("added", id="a" * 32, **ADDED)
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(RetentionError, match=error):
        Ledger(tmp_path, lambda: 7).state()
    with pytest.raises(RetentionError, match="entry 1"):
        Ledger(tmp_path, lambda: 7).append("swept")


@pytest.mark.parametrize(
    ("event", "details"),
    [("deleted", {"id": "b" * 32}), ("added", {"id": "a" * 32, **ADDED}), ("added", {"id": "no id", **ADDED}), ("added", {"id": "b" * 32})],
)
def test_entries_that_do_not_fit_together_are_refused(ledger, tmp_path, event, details):
    ledger.append("added", id="a" * 32, **ADDED)
    ledger._file.append_all([(event, details)])
    with pytest.raises(RetentionError, match="does not fit together"):
        Ledger(tmp_path, lambda: 7).state()


def test_a_line_that_a_killed_process_left_is_none_and_a_ledger_that_was_cut_off_is_found(ledger, tmp_path):
    ledger.append("added", id="a" * 32, **ADDED)
    head, before = ledger.head, (tmp_path / "ledger.jsonl").read_bytes()
    ledger.append("deleted", id="a" * 32)
    whole = (tmp_path / "ledger.jsonl").read_bytes()
    (tmp_path / "ledger.jsonl").write_bytes(whole[:-5])
    assert ids(Ledger(tmp_path, lambda: 7)) == ["a" * 32]
    (tmp_path / "ledger.jsonl").write_bytes(before)
    assert ledger.verify([head]) == head
    (tmp_path / "ledger.jsonl").write_bytes(before.splitlines(keepends=True)[0])
    with pytest.raises(RetentionError, match="cut off"):
        ledger.verify([head])


def test_a_disk_that_takes_no_entry_is_told(ledger, tmp_path):
    (tmp_path / "ledger.jsonl").mkdir()
    with pytest.raises((OutputError, RetentionError)):
        ledger.append("swept")
