import json
import os
import shutil

from dpm_flower.data.retention import purging
from tests.data.retention.fakes import BEGIN, DAY, content, decoded, found_in


def entries(store):
    return [json.loads(line) for line in (store.folder / "ledger.jsonl").read_bytes().splitlines()]


def told(store, event):
    return [entry["details"] for entry in entries(store) if entry["event"] == event]


def stuck(monkeypatch, name):
    unlink = os.unlink

    def refused(path, **more):
        if path == name:
            raise PermissionError(1, "Operation not permitted")
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", refused)


def test_what_goes_is_written_down_after_it_went_with_its_digest_and_how(store, clock):
    item = store.add(content(1), BEGIN)
    digest = store.items()[0].digest
    clock.advance(DAY + 5)
    assert store.purge().deleted == 1
    (deleted,) = told(store, "deleted")
    assert deleted == {
        "id": item, "part": "items", "expires_at": BEGIN + DAY, "digest": digest, "reason": "expired", "how": "overwritten"
    }  # fmt: skip
    assert entries(store)[-1]["at"] == BEGIN + DAY + 5
    assert store.purge() == purging.Purged()


def test_what_cannot_be_deleted_is_told_and_the_others_go(store, clock, monkeypatch):
    held = [store.add(content(number), BEGIN) for number in range(3)]
    name = str(store.items()[1].name)
    clock.advance(DAY)
    with monkeypatch.context() as patched:
        stuck(patched, name)
        done = store.purge()
        assert done.deleted == 2
        assert len(done.failed) == 1
        assert name in done.failed[0]
        assert "Operation not permitted" in done.failed[0]
        assert store.purge().failed == done.failed
        assert [path.name for path in (store.folder / "items").iterdir()] == [name]
        assert store.items() == ()
    assert len(told(store, "not-deleted")) == 1  # once, however often it is tried
    assert store.purge().deleted == 1
    assert {entry["id"] for entry in told(store, "deleted")} == set(held)


def test_bytes_that_live_on_under_another_name_are_told(store, clock, quick):
    store.add(content(1), BEGIN)
    os.link(store.folder / "items" / str(store.items()[0].name), quick / "kept")
    clock.advance(DAY)
    done = store.purge()
    assert done.deleted == 1
    assert "had another name elsewhere" in done.failed[0]
    assert told(store, "deleted")[0]["how"] == "linked elsewhere"
    assert found_in(store.folder, 1) == []


def test_what_no_entry_tells_of_is_swept_and_what_is_missing_is_told(store):
    lost = store.add(content(1), BEGIN)
    made = store.derive([lost])
    (store.folder / "items" / str(store.items()[0].name)).unlink()
    shutil.rmtree(made.folder)
    (store.folder / "items" / "stranger").write_bytes(content(2))
    (store.folder / "derived" / "folder" / "deep").mkdir(parents=True)
    (store.folder / "derived" / "folder" / "deep" / "file").write_bytes(decoded(3))
    done = store.purge()
    assert (done.deleted, done.swept, done.lost) == (0, 2, 2)
    assert found_in(store.folder, 2) == found_in(store.folder, 3) == []
    assert {entry["id"] for entry in told(store, "lost")} == {lost, made.id}
    assert "stranger" not in (store.folder / "ledger.jsonl").read_text()
    assert told(store, "deleted") == []


def test_by_names_goes_what_is_over_and_nothing_that_has_another_name(store, clock):
    store.add(content(1), BEGIN - 100)
    store.add(content(2), BEGIN)
    (store.folder / "items" / "stranger").write_bytes(b"")
    assert purging.by_names(store.folder, BEGIN - 100 + DAY).deleted == 1
    assert found_in(store.folder, 1) == []
    assert found_in(store.folder, 2) != []
    assert (store.folder / "items" / "stranger").exists()
    assert purging.by_names(store.folder, None).deleted == 2
