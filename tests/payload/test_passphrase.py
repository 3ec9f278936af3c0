"""A passphrase comes from a descriptor or a credential; every other way is refused."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.payload import passphrase_lock as locks
from dpm_flower.payload.passphrase import MAX_PASSPHRASE_BYTES, passphrase_lock
from dpm_flower.payload.passphrase_lock import LEAST_COST, PassphraseLock

PASSPHRASE = b"correct horse battery"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks.PassphraseLock.__init__, "__defaults__", (LEAST_COST,))


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    opened = os.open(tmp_path / "passphrase", os.O_RDWR)
    yield opened
    os.close(opened)


def is_of(lock: PassphraseLock | None, passphrase: bytes = PASSPHRASE) -> bool:
    assert lock is not None
    return lock.open(PassphraseLock(passphrase).seal(b"secret", "x"), "x") == b"secret"


def test_without_a_source_there_is_no_lock() -> None:
    assert passphrase_lock(None, None) is None


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_descriptor_is_read_to_its_end_less_one_line_end(descriptor: int, end: bytes) -> None:
    os.pwrite(descriptor, end, len(PASSPHRASE))
    assert is_of(passphrase_lock(descriptor, None))


def test_spaces_and_further_lines_belong_to_it(descriptor: int) -> None:
    os.pwrite(descriptor, b" \n\n", len(PASSPHRASE))
    assert is_of(passphrase_lock(descriptor, None), PASSPHRASE + b" \n")


def test_a_credential_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").write_bytes(PASSPHRASE + b"\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert is_of(passphrase_lock(None, "keys"))


@pytest.mark.parametrize(
    ("name", "said"), [("none", "cannot read the credential"), ("../keys", "credential's name"), ("/etc/passwd", "name")]
)
def test_other_credentials_are_refused(name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SettingError, match=said):
        passphrase_lock(None, name)


def test_a_credential_without_systemd_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SettingError, match="CREDENTIALS_DIRECTORY is not set"):
        passphrase_lock(None, "keys")


def test_two_sources_are_refused(descriptor: int) -> None:
    with pytest.raises(SettingError, match="one source"):
        passphrase_lock(descriptor, "keys")


def test_a_closed_descriptor_is_refused(descriptor: int) -> None:
    closed = os.dup(descriptor)
    os.close(closed)
    with pytest.raises(SettingError, match=f"from file descriptor {closed}"):
        passphrase_lock(closed, None)


def test_a_terminal_is_refused() -> None:
    ours, theirs = os.openpty()
    try:
        os.write(ours, PASSPHRASE + b"\n\x04")  # what a reader would get, and the end of it
        with pytest.raises(SettingError, match="is a terminal"):
            passphrase_lock(theirs, None)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(("size", "said"), [(0, "at least 12"), (11, "at least 12"), (MAX_PASSPHRASE_BYTES + 1, "may have 4096 bytes")])
def test_short_and_endless_ones_are_refused(size: int, said: str, descriptor: int) -> None:
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, b"x" * size, 0)
    with pytest.raises(SettingError, match=said):
        passphrase_lock(descriptor, None)
