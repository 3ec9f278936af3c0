import json
import os
import stat
import threading

import pytest

from dpm_flower.core.errors import GoneError, OutputError, RetentionError, SettingError
from dpm_flower.data.retention import high_water, store_key
from dpm_flower.data.retention import store as module
from dpm_flower.data.retention.ledger import Ledger
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.store import RetentionStore
from tests.data.retention.fakes import BEGIN, DAY, FakeClock, content, decoded, found_in

KEY = bytes(range(32))


def events(store):
    return [json.loads(line)["event"] for line in (store.folder / "ledger.jsonl").read_bytes().splitlines()]


def test_an_image_comes_back_as_it_came_until_its_time_is_over_to_the_second(store, clock):
    item = store.add(content(1), BEGIN - 100, {"class": "ill", "boxes": [[0, 1, 2, 3]]})
    clock.advance(DAY - 101)
    found = store.read(item)
    assert (found.content, found.labels) == (content(1), {"class": "ill", "boxes": [[0, 1, 2, 3]]})
    assert (found.arrived_at, found.expires_at) == (BEGIN - 100, BEGIN - 100 + DAY)
    assert [held.id for held in store.items()] == [item]
    clock.advance(1)
    with pytest.raises(GoneError, match="its time is over"):
        store.read(item)
    assert store.items() == ()
    assert found_in(store.folder, 1) == []


def test_a_file_is_taken_in_and_stays_where_it_was(store, quick):
    (quick / "image.png").write_bytes(content(1))
    assert store.read(store.add(quick / "image.png", BEGIN)).content == content(1)
    assert (quick / "image.png").read_bytes() == content(1)


def test_the_same_bytes_twice_are_two_items_with_their_own_times_and_digests(store, clock):
    first = store.add(content(1), BEGIN - 3600)
    second = store.add(content(1), BEGIN)
    assert first != second
    digests = {held.digest for held in store.items()}
    assert len(digests) == 2
    clock.advance(DAY - 3600)
    assert [held.id for held in store.items()] == [second]
    assert store.read(second).content == content(1)


def test_the_first_images_live_for_the_warm_up(opened, clock):
    store = opened(RetentionPolicy(ttl_s=DAY, warm_up_ttl_s=30 * DAY, warm_up_items=2))
    first, second, third = (store.add(content(number), BEGIN) for number in range(3))
    clock.advance(DAY)
    assert {held.id for held in store.items()} == {first, second}
    fourth = store.add(content(4), BEGIN + DAY)
    assert store.read(fourth).expires_at == BEGIN + 2 * DAY  # the warm-up counts what has ever come
    clock.advance(29 * DAY)
    assert store.items() == ()
    assert third != fourth


def test_another_policy_counts_for_what_comes_then_and_is_written_down(opened, clock):
    store = opened()
    item = store.add(content(1), BEGIN)
    store = opened(RetentionPolicy(ttl_s=2 * DAY))
    opened(RetentionPolicy(ttl_s=2 * DAY))
    other = store.add(content(2), BEGIN)
    assert [held.expires_at - BEGIN for held in (store.read(item), store.read(other))] == [DAY, 2 * DAY]
    assert events(store).count("policy") == 2


def test_what_came_while_nobody_ran_goes_before_the_first_read(opened, clock, monkeypatch):
    item = opened().add(content(1), BEGIN)
    clock.advance(DAY)
    store = opened()
    assert found_in(store.folder, 1) == []
    with pytest.raises(GoneError):
        store.read(item)


def test_what_was_made_of_images_goes_with_the_first_of_them(store, clock):
    first, second = store.add(content(1), BEGIN - 3600), store.add(content(2), BEGIN)
    cache = store.derive([second, first])
    (cache.folder / "a" / "b").mkdir(parents=True)
    (cache.folder / "a" / "b" / "rows.npy").write_bytes(decoded(1) + decoded(2))
    features = store.derive([second])
    deeper = store.derive([features.id, cache.id])
    (deeper.folder / "model").write_bytes(decoded(2))
    assert cache.expires_at == deeper.expires_at == BEGIN - 3600 + DAY
    assert features.expires_at == BEGIN + DAY
    clock.advance(DAY - 3600)
    assert [held.id for held in store.items()] == [second]
    assert not cache.folder.exists()
    assert not deeper.folder.exists()
    assert features.folder.exists()
    assert found_in(store.folder, 1) == []
    with pytest.raises(GoneError):
        store.derive([second, first])
    with pytest.raises(GoneError):
        store.derive([cache.id])
    with pytest.raises(SettingError, match="got none"):
        store.derive([])


def test_what_is_mapped_into_memory_shows_random_bytes_once_it_is_over(store, clock):
    import mmap  # noqa: PLC0415

    made = store.derive([store.add(content(1), BEGIN)])
    (made.folder / "rows").write_bytes(decoded(1))
    with open(made.folder / "rows", "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        clock.advance(DAY)
        store.purge()
        assert mapped[:] != decoded(1)
        assert b"<00000001>" not in mapped[:]


def test_what_a_maker_makes_anew_after_it_was_over_goes_at_the_next_purge(store, clock):
    made = store.derive([store.add(content(1), BEGIN)])
    clock.advance(DAY)
    store.purge()
    made.folder.mkdir()
    (made.folder / "late").write_bytes(decoded(1))
    assert store.purge().swept == 1
    assert found_in(store.folder, 1) == []


def test_what_was_made_can_be_dropped_before_its_time_and_an_image_cannot(store):
    item = store.add(content(1), BEGIN)
    made = store.derive([item])
    (made.folder / "model").write_bytes(decoded(1))
    store.drop(made.id)
    assert not made.folder.exists()
    assert events(store)[-2:] == ["ordered", "deleted"]
    with pytest.raises(RetentionError, match="stays until"):
        store.drop(item)
    with pytest.raises(RetentionError, match="is no image"):
        store.read(store.derive([item]).id)
    assert store.read(item).content == content(1)


def test_wrong_times_and_labels_are_refused_and_leave_nothing(store, clock):
    before = events(store)
    for arrived_at, error in ((BEGIN + 1, "1 s ahead"), (BEGIN - DAY, "was over 0 s ago"), (-1, "over|arrival")):
        with pytest.raises((SettingError, GoneError), match=error):
            store.add(content(1), arrived_at)
    with pytest.raises(SettingError, match="JSON"):
        store.add(content(1), BEGIN, {"bytes": b"1"})
    assert events(store) == before
    assert list((store.folder / "items").iterdir()) == []


def test_an_image_that_was_changed_replaced_or_linked_is_not_read(store, quick):
    items = [store.add(content(number), BEGIN) for number in range(4)]
    paths = [store.folder / "items" / str(next(held.name for held in store.items() if held.id == item)) for item in items]
    paths[0].write_bytes(paths[0].read_bytes()[:-1] + b"!")
    paths[1].write_bytes(paths[1].read_bytes().replace(b"{}", b'{"class":"well"}'))
    os.link(paths[2], quick / "kept")
    paths[3].unlink()
    paths[3].symlink_to(paths[0])
    for item, error in zip(items, ("changed or damaged", "changed or damaged", "one name", "cannot read"), strict=True):
        with pytest.raises(RetentionError, match=error):
            store.read(item)


def test_an_export_is_written_down_before_and_is_whole_private_and_never_over_another_file(store, quick):
    item = store.add(content(1), BEGIN)
    store.export(item, quick / "out")
    assert (quick / "out").read_bytes() == content(1)
    assert stat.S_IMODE((quick / "out").stat().st_mode) == 0o600
    assert events(store)[-1] == "exporting"
    (quick / "taken").write_bytes(b"other")
    with pytest.raises(OutputError, match="exists"):
        store.export(item, quick / "taken")
    assert (quick / "taken").read_bytes() == b"other"
    (quick / "way").symlink_to(store.folder)
    for target in (store.folder / "items" / "x", quick / "way" / "x"):
        with pytest.raises(RetentionError, match="outside the store"):
            store.export(item, target)
    assert sorted(path.name for path in quick.iterdir()) == ["out", "store", "taken", "way"]


def test_no_export_of_what_is_over_and_none_that_ends_too_late(store, clock, quick, monkeypatch):
    first, second = store.add(content(1), BEGIN - 3600), store.add(content(2), BEGIN)
    clock.advance(DAY - 3600)
    with pytest.raises(GoneError):
        store.export(first, quick / "out")
    real = os.link
    monkeypatch.setattr(os, "link", lambda *_, **__: pytest.fail("it got its name"))
    fsync = os.fsync

    def slow(descriptor):
        if found_in(quick, 2) and any(path.name.endswith(".partial") for path in quick.iterdir()):
            clock.wall_s = BEGIN + DAY
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    with pytest.raises(GoneError, match="before it was handed out"):
        store.export(second, quick / "out")
    assert [path.name for path in quick.iterdir()] == ["store"]
    assert real is not os.link


def test_a_read_that_ends_too_late_hands_out_nothing(store, clock, monkeypatch):
    item = store.add(content(1), BEGIN)
    real = module.read_item

    def slow(*arguments):
        clock.advance(DAY)
        return real(*arguments)

    monkeypatch.setattr(module, "read_item", slow)
    with pytest.raises(GoneError, match="before it was handed out"):
        store.read(item)


def test_only_the_owner_may_look(store, quick):
    store.derive([store.add(content(1), BEGIN)])
    for path in [store.folder, *store.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    (store.folder / "items").chmod(0o755)
    RetentionStore.open(store.folder, RetentionPolicy(), FakeClock())
    assert stat.S_IMODE((store.folder / "items").stat().st_mode) == 0o700


def test_neither_names_nor_the_ledger_tell_anything_of_an_image(store):
    store.add(content(1), BEGIN, {"class": "a secret name"})
    told = (store.folder / "ledger.jsonl").read_text() + " ".join(path.name for path in (store.folder / "items").iterdir())
    assert "secret" not in told
    assert "class" not in told
    assert str(len(content(1))) not in json.loads((store.folder / "ledger.jsonl").read_text().splitlines()[-1])["details"]


def test_another_key_is_refused_and_what_is_over_has_gone_before(opened, clock):
    store = opened(key=KEY)
    store.add(content(1), BEGIN)
    assert not (store.folder / "key").exists()
    clock.advance(DAY)
    with pytest.raises(RetentionError, match="is not that of the store"):
        opened(key=KEY[::-1])
    assert found_in(store.folder, 1) == []
    with pytest.raises(RetentionError, match="cannot read the store's key"):
        opened()
    with pytest.raises(RetentionError, match="32 bytes, got 3"):
        opened(key=b"abc")


def test_folders_that_lead_elsewhere_are_refused_and_nothing_there_is_touched(opened, quick, clock):
    store = opened()
    elsewhere = quick / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("precious")
    (store.folder / "items").rmdir()
    (store.folder / "items").symlink_to(elsewhere)
    for act in (opened, store.purge, store.items, lambda: store.add(content(1), BEGIN)):
        with pytest.raises(RetentionError, match="lead elsewhere"):
            act()
    assert (elsewhere / "precious").read_text() == "precious"
    (quick / "way").symlink_to(elsewhere)
    with pytest.raises(RetentionError, match="lead elsewhere"):
        RetentionStore.open(quick / "way", RetentionPolicy(), clock)
    assert [path.name for path in elsewhere.iterdir()] == ["precious"]


def test_a_lock_that_is_a_link_empties_no_file(opened, quick):
    store = opened()
    (quick / "precious").write_text("precious")
    (store.folder / ".lock").unlink()
    (store.folder / ".lock").symlink_to(quick / "precious")
    with pytest.raises((RetentionError, OutputError)):
        opened()
    with pytest.raises(RetentionError, match="got a link"):
        store.purge()
    assert (quick / "precious").read_text() == "precious"


def test_a_full_disk_costs_the_image_that_came_and_nothing_else(store, monkeypatch):
    first = store.add(content(1), BEGIN)
    real = os.pwrite

    def full(descriptor, data, start):
        if len(data) > 300:  # a piece of the image fits, the rest does not
            return real(descriptor, data[:100], start) if start == 0 else _no_space()
        return real(descriptor, data, start)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(OutputError, match=r"cannot take an image into .*No space left"):
            store.add(content(2), BEGIN)
        assert found_in(store.folder, 2) == []
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "append_all", lambda *_: _no_room())
        with pytest.raises(OutputError):
            store.add(content(3), BEGIN)
    store.purge()
    assert found_in(store.folder, 3) == []
    assert [held.id for held in store.items()] == [first]
    assert store.read(store.add(content(2), BEGIN)).content == content(2)


def test_a_full_disk_keeps_nothing_past_its_time(store, clock, opened, monkeypatch):
    item = store.add(content(1), BEGIN)
    clock.advance(DAY)
    with monkeypatch.context() as patched:
        patched.setattr(high_water.os, "pwrite", lambda *_: _no_space())
        failed = store.purge().failed
        assert any("No space left" in failure for failure in failed)
        assert found_in(store.folder, 1) == []
        with pytest.raises(OutputError, match="highest time"):
            store.read(item)
    assert store.purge().failed == ()
    told = [json.loads(line) for line in (store.folder / "ledger.jsonl").read_bytes().splitlines()]
    assert [(line["event"], line["details"]["how"]) for line in told[-1:]] == [("deleted", "found gone")]


def _no_space():
    raise OSError(28, "No space left on device")


def _no_room():
    raise OutputError("no room")


def test_threads_take_turns(store):
    added = []

    def work(number):
        added.extend(store.add(content(number), BEGIN, {"number": number}) for _ in range(5))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(added) == len(set(added)) == len(store.items()) == 15
    assert all(store.read(item).content == content(store.read(item).labels["number"]) for item in added)


def test_two_that_have_it_open_see_what_the_other_does(opened, clock):
    one, other = opened(), opened()
    item = one.add(content(1), BEGIN)
    assert other.read(item).content == content(1)
    clock.advance(DAY)
    other.purge()
    assert one.items() == ()


def test_the_key_is_made_once(opened):
    store = opened()
    key = store_key.read_key(store.folder / "key")
    item = store.add(content(1), BEGIN)
    assert opened().read(item).content == content(1)
    assert store_key.read_key(store.folder / "key") == key
