import os

import pytest

from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.exchange.folder_store import FolderStore
from dpm_flower.exchange.index import Index
from dpm_flower.exchange.parts import Parts
from dpm_flower.exchange.staging import Staging
from dpm_flower.exchange.tombstones import Tombstones

A, B = "a" * 64, "b" * 64


@pytest.fixture
def parts(tmp_path):
    (tmp_path / "releases").mkdir()
    return Parts(
        folder=tmp_path,
        store=FolderStore(tmp_path),
        staging=Staging(tmp_path / "staging"),
        tombstones=Tombstones(tmp_path),
        index=Index(tmp_path / "index.sqlite"),
        audit_log=AuditLog(tmp_path / "log"),
        clock=lambda: 0,
    )


def test_only_digests_are_releases(parts, tmp_path):
    for name in (A, B, "c", "A" * 64, ".DS_Store"):
        (tmp_path / "releases" / name).mkdir()
    assert parts.folders() == {A, B}


def test_the_envelope_goes_before_the_shards(parts, monkeypatch):
    parts.store.put(A, 0, [b"x"])
    parts.envelope_path(A).write_bytes(b"{}")
    gone = []
    monkeypatch.setattr(FolderStore, "delete", lambda self, digest: gone.append((digest, parts.envelope_path(A).exists())))
    parts.remove(A)
    assert gone == [(A, False)]


@pytest.mark.parametrize("there", ["nothing", "folder", "link", "file"])
def test_whatever_lies_there_is_removed(parts, tmp_path, there):
    path = tmp_path / "releases" / A
    if there == "folder":
        os.makedirs(path / "envelope.json")
    elif there == "link":
        (tmp_path / "envelope.json").touch()
        path.symlink_to(tmp_path)
    elif there == "file":
        path.touch()
    parts.remove(A)
    assert parts.folders() == set()
    assert there != "link" or (tmp_path / "envelope.json").exists()
