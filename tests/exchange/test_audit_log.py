import fcntl
import multiprocessing
import os
import threading

import pytest

from dpm_flower.core.chain_file import TEXT_CHARACTERS
from dpm_flower.core.errors import OutputError, PoolError
from dpm_flower.core.hash_chain import MAX_LINE_BYTES
from dpm_flower.exchange.audit_log import AuditLog


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path / "log.jsonl", "entity-a", lambda: 100.9)


def events(log):
    return [entry.event for entry in log.entries()]


def test_what_happened_is_told_in_order_after_the_sites_name(log):
    log.append("opened")
    log.append("admitted", digest="d", sender="entity-b")
    log.append("served", peer="entity-c", digest="d", position=3)
    first, *_, last = log.entries()
    assert (first.event, first.details["site"], first.at) == ("genesis", "entity-a", 100)
    assert events(log) == ["genesis", "opened", "admitted", "served"]
    assert last.details == {"peer": "entity-c", "digest": "d", "position": 3}


def test_every_append_answers_with_the_new_head(log):
    heads = [log.append("opened") for _ in range(3)]
    assert log.head == log.verify(heads) == heads[-1]
    assert len(set(heads)) == 3


def test_another_object_and_another_process_go_on_with_the_same_chain(log, tmp_path):
    log.append("opened")
    head = AuditLog(tmp_path / "log.jsonl").append("expired", digest="d")
    assert log.head == head
    assert events(log) == ["genesis", "opened", "expired"]


def append_many(path):
    for number in range(10):
        AuditLog(path).append("served", position=number)


def test_processes_that_append_at_once_lose_nothing(log, tmp_path):
    context = multiprocessing.get_context("fork")
    others = [context.Process(target=append_many, args=(tmp_path / "log.jsonl",)) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(120)
    log.verify()
    assert events(log) == ["genesis", *["served"] * 30]


def test_who_appends_waits_for_whoever_appends(log, tmp_path):
    log.append("opened")
    other = threading.Thread(target=lambda: log.append("served", position=1))
    with (tmp_path / "log.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        other.start()
        other.join(0.05)
        assert other.is_alive()
    other.join(60)
    assert events(log) == ["genesis", "opened", "served"]


@pytest.mark.parametrize("left", [1, 20, -1])
@pytest.mark.parametrize("whole", [0, 1, 3])
def test_an_unfinished_line_is_none_and_the_next_one_says_so(log, tmp_path, whole, left):
    path = tmp_path / "log.jsonl"
    for _ in range(whole):
        log.append("opened")
    before = path.read_bytes() if whole else b""
    log.append("admitted", digest="d")
    torn = path.read_bytes()[len(before) :][:left]
    path.write_bytes(before + torn)
    if whole:
        log.verify()  # what was not finished was not written
    log.append("opened")
    log.verify()
    wanted = ["opened"] * whole + ["mended", "opened"]
    if b"\n" in torn:  # where there was no entry at all, two lines were begun, and the first of them was whole
        wanted = ["mended", "opened"]
    assert events(log) == ["genesis", *wanted]
    assert [entry.details["unfinished_bytes"] for entry in log.entries() if entry.event == "mended"] == [len(torn.rpartition(b"\n")[2])]


def test_an_unfinished_line_longer_than_what_replaces_it_goes_whole(log, tmp_path):
    log.append("opened")
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(b"x" * MAX_LINE_BYTES)
    log.append("opened")
    log.verify()
    assert events(log) == ["genesis", "opened", "mended", "opened"]


def test_killed_between_the_new_line_and_the_cut_the_rest_is_unfinished_again(log, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    path = tmp_path / "log.jsonl"
    log.append("opened")
    with path.open("ab") as file:
        file.write(b"x" * 5000)
    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", killed)
        with pytest.raises(Killed):
            log.append("served", position=1)
    assert not path.read_bytes().endswith(b"\n")
    log.append("served", position=2)
    log.verify()
    assert events(log) == ["genesis", "opened", "mended", "served", "mended", "served"]


def test_a_full_disk_leaves_the_log_as_it_was(log, tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    log.append("opened")
    before, write = path.read_bytes(), os.pwrite
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", lambda descriptor, data, place: write(descriptor, data[:7], place))
        with pytest.raises(OutputError, match=r"7 of \d+ bytes fit"):
            log.append("served", position=1)
    assert path.read_bytes() == before
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OutputError, match=r"cannot write the audit log .*No space left"):
            log.append("served", position=1)
    assert path.read_bytes() == before


def test_a_log_is_not_appended_to_once_its_last_entry_was_changed(log, tmp_path):
    path = tmp_path / "log.jsonl"
    log.append("admitted", digest="d")
    path.write_bytes(path.read_bytes().replace(b'"d"', b'"e"'))
    with pytest.raises(PoolError, match=r"last entry of .* was changed"):
        log.append("opened")
    with pytest.raises(PoolError, match=r"log\.jsonl: entry 1 was changed"):
        log.verify()


def test_an_entry_that_was_changed_is_named_and_those_before_it_are_shown(log, tmp_path):
    path = tmp_path / "log.jsonl"
    for name in "abc":
        log.append("admitted", digest=name)
    path.write_bytes(path.read_bytes().replace(b'"b"', b'"B"'))
    shown = log.entries()
    assert [next(shown).number for _ in range(2)] == [0, 1]
    with pytest.raises(PoolError, match=r"log\.jsonl: entry 2 was changed"):
        next(shown)


def test_a_log_that_was_cut_off_is_found_by_a_head_that_a_peer_holds(log, tmp_path):
    path = tmp_path / "log.jsonl"
    log.append("admitted", digest="a")
    kept = path.read_bytes()
    head = log.append("withdrawn", digest="a", reason="why")
    path.write_bytes(kept)
    log.verify()
    with pytest.raises(PoolError, match=head):
        log.verify([head])


def test_a_log_of_another_site_is_refused(log, tmp_path):
    log.append("opened")
    with pytest.raises(PoolError, match=r"wanted the audit log of entity-b .* got that of 'entity-a'"):
        AuditLog(tmp_path / "log.jsonl", "entity-b").append("opened")


def test_bytes_without_a_lines_end_are_no_log(log, tmp_path):
    (tmp_path / "log.jsonl").write_bytes(b"x" * (3 * MAX_LINE_BYTES))
    for look in (log.verify, lambda: log.append("opened"), lambda: log.head):
        with pytest.raises(PoolError, match="damaged: it ends in more than"):
            look()


def test_what_a_peer_chose_cannot_make_an_entry_too_long(log):
    log.append("refused", sender="\U0001f600" * 9999, reason='"' * 9999, digest="\0" * 9999)
    assert {len(value) for value in list(log.entries())[-1].details.values()} == {TEXT_CHARACTERS}
    log.append("opened")
    log.verify()


@pytest.mark.parametrize("there", ["nothing", "an empty file"])
def test_reading_a_log_that_has_no_entry_makes_none(log, tmp_path, there):
    path = tmp_path / "log.jsonl"
    if there != "nothing":
        path.touch()
    for look in (log.verify, lambda: log.head):
        with pytest.raises(PoolError, match=r"log\.jsonl"):
            look()
    assert path.exists() == (there != "nothing")


def test_a_link_is_not_followed(log, tmp_path):
    (tmp_path / "log.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot write the audit log"):
        log.append("opened")
    assert not (tmp_path / "elsewhere").exists()


def test_only_its_owner_reads_a_log(log, tmp_path):
    log.append("opened")
    assert (tmp_path / "log.jsonl").stat().st_mode & 0o077 == 0
