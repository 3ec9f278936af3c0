import multiprocessing
import sqlite3

import pytest

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.exchange import database
from dpm_flower.exchange.replays import Replays
from dpm_flower.payload.verification import ReplayMemory
from tests.payload.examples import expectation, manifest
from tests.payload.unsigned import Unsigned

NAME = ("entity-b", "c-0123", 5)


def test_it_remembers_what_was_first_as_a_dict_does(tmp_path):
    memory: ReplayMemory = Replays(tmp_path / "seen.sqlite")
    plain = {}
    for name in (NAME, ("entity-c", "c-0123", 5), ("entity-b", "c-9", 5), ("entity-b", "c-0123", 6)):
        for digest in ("first", "second", "first"):
            assert memory.setdefault(name, digest) == plain.setdefault(name, digest) == "first"


def test_it_outlives_the_object_that_was_told(tmp_path):
    Replays(tmp_path / "deep" / "seen.sqlite").setdefault(NAME, "first")
    assert Replays(tmp_path / "deep" / "seen.sqlite").setdefault(NAME, "second") == "first"


def test_a_replay_is_refused_after_a_restart_and_the_same_again_is_not(tmp_path):
    first, second = manifest(), manifest(samples=11)
    Unsigned().verify(Unsigned().seal(first), expectation(replays=Replays(tmp_path / "seen.sqlite")))
    asked = expectation(replays=Replays(tmp_path / "seen.sqlite"))
    assert Unsigned().verify(Unsigned().seal(first), asked).manifest == first
    with pytest.raises(ReleaseError, match="replay"):
        Unsigned().verify(Unsigned().seal(second), asked)


def claim_all(path, who, answers):
    memory = Replays(path)
    answers.put([memory.setdefault(("b", "c", number), f"{who}-{number}") for number in range(8)])


def test_processes_that_ask_and_make_it_at_once_agree(tmp_path):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    others = [context.Process(target=claim_all, args=(tmp_path / "seen.sqlite", who, answers)) for who in range(3)]
    for other in others:
        other.start()
    came = [answers.get(timeout=120) for _ in others]
    for other in others:
        other.join(120)
    assert came[0] == came[1] == came[2]
    assert [path.name for path in tmp_path.iterdir()] == ["seen.sqlite"]


def test_who_comes_between_looking_and_writing_was_first(tmp_path, monkeypatch):
    memory, other, writing = Replays(tmp_path / "seen.sqlite"), Replays(tmp_path / "seen.sqlite"), database.writing

    def writing_second(path):
        monkeypatch.setattr(database, "writing", writing)
        assert other.setdefault(NAME, "theirs") == "theirs"
        return writing(path)

    monkeypatch.setattr(database, "writing", writing_second)
    assert memory.setdefault(NAME, "ours") == "theirs"


@pytest.mark.parametrize("data", [b"", b"no database" * 99])
def test_a_damaged_memory_is_refused_and_not_made_anew(tmp_path, data):
    path = tmp_path / "seen.sqlite"
    path.write_bytes(data)
    with pytest.raises(PoolError, match=r"the replay memory .*seen\.sqlite is damaged"):
        Replays(path)
    assert path.read_bytes() == data


def test_a_memory_that_is_lost_while_it_is_used_is_not_made_anew(tmp_path):
    memory = Replays(tmp_path / "seen.sqlite")
    (tmp_path / "seen.sqlite").unlink()
    with pytest.raises(PoolError, match="cannot use"):
        memory.setdefault(NAME, "first")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_our_own_disks_fault(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        Replays(tmp_path / "file" / "seen.sqlite")


def test_what_was_answered_is_on_the_disk(tmp_path):
    path = tmp_path / "seen.sqlite"
    Replays(path).setdefault(NAME, "first")
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as opened:  # as a copy of this one file would be read
        assert opened.execute("SELECT * FROM seen").fetchall() == [(*NAME, "first")]
        assert opened.execute("PRAGMA synchronous").fetchone() == (2,)
