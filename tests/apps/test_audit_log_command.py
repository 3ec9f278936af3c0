import pytest

from dpm_flower.apps import audit_log_command
from dpm_flower.exchange.audit_log import AuditLog


@pytest.fixture
def pool(tmp_path):
    log = AuditLog(tmp_path / "audit-log.jsonl", "entity-a", lambda: 0)
    log.append("opened")
    log.append("served", peer="entity-b", digest="d", position=1)
    return tmp_path


def test_a_sound_log_gives_its_head(pool, capsys):
    head = AuditLog(pool / "audit-log.jsonl").head
    assert audit_log_command.verify(pool, [head]) == 0
    assert capsys.readouterr().out == f"{head}\n"


def test_a_changed_a_cut_and_a_missing_log_are_refused(pool, capsys):
    path = pool / "audit-log.jsonl"
    head, data = AuditLog(path).head, path.read_bytes()
    path.write_bytes(data.replace(b"entity-b", b"entity-c"))
    assert audit_log_command.verify(pool, []) == 1
    assert "entry 2 was changed" in capsys.readouterr().err
    path.write_bytes(b"".join(data.splitlines(keepends=True)[:-1]))
    assert audit_log_command.verify(pool, []) == 0
    assert audit_log_command.verify(pool, [head]) == 1
    assert f"known head {head}" in capsys.readouterr().err
    path.unlink()
    assert audit_log_command.verify(pool, []) == 1
    assert audit_log_command.show(pool, None) == 1


def test_what_is_no_head_is_refused(pool, capsys):
    assert audit_log_command.verify(pool, ["abc"]) == 1
    assert "a known head must be a SHA-256" in capsys.readouterr().err


def test_entries_are_shown_one_a_line_and_nothing_is_written(pool, capsys):
    before = (pool / "audit-log.jsonl").read_bytes()
    assert audit_log_command.show(pool, None) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["0", "1970-01-01T00:00:00Z", "genesis"],
        ["1", "1970-01-01T00:00:00Z", "opened"],
        ["2", "1970-01-01T00:00:00Z", "served"],
    ]
    assert audit_log_command.show(pool, 1) == 0
    assert capsys.readouterr().out.splitlines() == lines[-1:]
    assert (pool / "audit-log.jsonl").read_bytes() == before
    assert [path.name for path in pool.iterdir()] == ["audit-log.jsonl"]


def test_what_a_peer_wrote_cannot_move_the_terminal(pool, capsys):
    AuditLog(pool / "audit-log.jsonl").append("refused", sender="\x1b[2J\n", reason="\u202e")
    assert audit_log_command.show(pool, 1) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert out.count("\n") == 1
