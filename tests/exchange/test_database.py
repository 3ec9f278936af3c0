import sqlite3

import pytest

from dpm_flower.core.errors import OutputError, PoolError
from dpm_flower.exchange import database


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "with a ?#% in its name.sqlite"
    with database.connection(made, create=True) as opened:
        opened.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
        opened.execute("PRAGMA user_version = 3")
    return made


def rows(path):
    with database.connection(path) as opened:
        return opened.execute("SELECT a FROM t ORDER BY a").fetchall()


def test_a_transaction_is_there_whole_or_not_at_all(path):
    def break_off():
        with database.writing(path) as opened:
            opened.execute("INSERT INTO t VALUES (2)")
            raise KeyError

    with database.writing(path) as opened:
        opened.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(KeyError):
        break_off()
    assert rows(path) == [(1,)]


def test_what_is_not_there_is_not_made(tmp_path):
    with pytest.raises(PoolError, match="cannot use"), database.connection(tmp_path / "none"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_version_tells_a_sound_database_from_none(path, tmp_path):
    assert database.version(path) == 3
    assert database.version(tmp_path / "none") is None
    path.write_bytes(b"no database" * 999)
    assert database.version(path) is None


def test_who_waits_too_long_is_told(path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with database.writing(path), pytest.raises(PoolError, match="locked"), database.writing(path):
        pass


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (sqlite3.SQLITE_FULL, OutputError),
        (sqlite3.SQLITE_IOERR_WRITE, OutputError),
        (sqlite3.SQLITE_READONLY_DIRECTORY, OutputError),
        (sqlite3.SQLITE_CORRUPT_INDEX, PoolError),
        (sqlite3.SQLITE_BUSY, PoolError),
    ],
)
def test_a_disk_that_does_not_take_it_is_told_from_a_database_that_is_wrong(path, code, error):
    def fail():
        with database.connection(path):
            err = sqlite3.OperationalError("so it is")
            err.sqlite_errorcode = code
            raise err

    with pytest.raises(error, match="so it is"):
        fail()


def test_a_full_disk_is_one(path):
    def fill():
        with database.writing(path) as opened:
            opened.execute("PRAGMA max_page_count = 2")
            opened.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(9999)])

    with pytest.raises(OutputError, match="full"):
        fill()
    assert rows(path) == []
