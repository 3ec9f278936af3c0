import multiprocessing
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from dpm_flower.core.errors import PoolError
from dpm_flower.exchange.index import Index
from tests.exchange.test_listing import example


@pytest.fixture
def path(tmp_path):
    return tmp_path / "index.sqlite"


@pytest.fixture
def index(path):
    made = Index(path)
    made.create([])
    return made


def test_what_was_put_is_listed_in_the_order_of_admission(index):
    listings = [example(admitted_at=9 - n, sequence=n) for n in range(4)]
    for listing in listings:
        index.put(listing)
    assert index.listings() == listings[::-1]
    assert index.states() == {listing.digest: "held" for listing in listings}
    assert [index.get(listing.digest) for listing in listings] == listings
    assert index.get("0" * 64) is None


def test_a_listing_takes_the_place_of_the_one_with_its_digest(index):
    index.put(example())
    index.put(replace(example(), state="withdrawn"))
    assert [listing.state for listing in index.listings()] == ["withdrawn"]


def test_one_campaign_is_listed_alone(index):
    index.put(example())
    index.put(example(campaign="another"))
    assert [listing.campaign for listing in index.listings("another")] == ["another"]
    assert len(index.listings()) == 2
    assert index.listings("") == []


def test_a_release_is_found_by_the_name_that_its_sender_gave_it(index):
    for changes in ({}, {"sender": "entity-c"}, {"campaign": "another"}, {"sequence": 6}):
        index.put(example(**changes))
    assert index.named("entity-b", "c-0123", 5) == [example()]
    assert index.named("entity-b", "c-0123", 7) == []


def test_names_from_outside_are_no_sql(index):
    index.put(example())
    assert index.listings("' OR 1=1 --") == []
    assert index.get("' OR 1=1 --") is None


def test_a_new_one_takes_the_place_of_what_was_there_with_its_journal(index, path):
    index.put(example())
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).write_bytes(b"damaged" * 999)
    assert not index.is_sound()
    index.create([example(sequence=7)])
    assert index.is_sound()
    assert index.listings() == [example(sequence=7)]


def test_an_old_journal_is_never_read_into_a_new_index(index, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM releases").fetchall()
        index.put(example())  # stays in the journal for as long as somebody reads what was before
        assert path.with_name("index.sqlite-wal").stat().st_size > 0
        index.create([example(sequence=7)])
        assert index.listings() == [example(sequence=7)]
    assert index.listings() == [example(sequence=7)]


@pytest.mark.parametrize("damage", ["missing", "empty", "no database", "a damaged page"])
def test_a_damaged_index_is_not_sound_and_says_so(index, path, damage):
    index.create([example(sequence=number) for number in range(40)])
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "no database": b"x" * 9999, "a damaged page": data[:4096] + b"\xff" * (len(data) - 4096)}[damage])
    assert not index.is_sound()
    with pytest.raises(PoolError, match=r"index\.sqlite"):
        index.listings()


def test_an_index_of_another_schema_is_not_sound(index, path, monkeypatch):
    monkeypatch.setattr("dpm_flower.exchange.index.SCHEMA_VERSION", 2)
    assert not index.is_sound()


def put_some(path, who):
    for number in range(8):
        Index(path).put(example(sender=f"entity-{who}", sequence=number))


def test_processes_that_write_at_once_lose_nothing_and_readers_do_not_wait(index, path):
    context = multiprocessing.get_context("fork")
    others = [context.Process(target=put_some, args=(path, who)) for who in range(3)]
    for other in others:
        other.start()
    while any(other.is_alive() for other in others):
        assert len(index.listings()) <= 24
    for other in others:
        other.join(120)
    assert len(index.listings()) == 24
