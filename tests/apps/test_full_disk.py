"""A disk that is full, of one who publishes and of one who fetches: their loss only, said with its place, and made up for afterwards."""

import errno
import os
import re
import subprocess
from pathlib import Path

import pytest

from dpm_flower.apps.study_command import run
from dpm_flower.core import durable
from dpm_flower.exchange import folder_store
from dpm_flower.exchange.pool import Pool
from dpm_flower.federation import handlers
from dpm_flower.regime.consortium import Consortium
from dpm_flower.regime.contribute import contribute
from tests.apps.exchange_runs import ARMS, NAME, interpose, left_behind, own_releases, quality_of, reasons, straight

pytestmark = pytest.mark.soak  # whole runs; the exchange alone is tried in this way in tests/exchange, at every change

LEFT_BYTES = 44 << 10  # enough for the index and the log, and for no release with its envelope
PUBLISHER, FETCHER, OTHER = "a", "b", "c"


class Pretended:
    """The disk says that it is full while a shard is written, as the kernel would."""

    def __init__(self, pools, monkeypatch):
        self._full = set()
        monkeypatch.setattr(folder_store, "write_file", self._write)

    def fill(self, pool):
        self._full.add(pool)

    def free(self):
        self._full.clear()

    def end(self):
        pass

    def _write(self, path, chunks):
        if self._full & set(path.parents):
            path.write_bytes(next(iter(chunks))[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        durable.write_file(path, chunks)


class Mounted:
    """Each pool has a small file system of its own, which really is full."""

    def __init__(self, pools, monkeypatch):
        self._pools = []
        for pool in pools:
            pool.mkdir(parents=True)
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", pool], check=False, capture_output=True).returncode:
                self.end()
                pytest.skip("nothing can be mounted here")
            self._pools.append(pool)

    def fill(self, pool):
        with self._ballast(pool).open("ab") as ballast:
            about = os.statvfs(pool)
            ballast.write(bytes(max(0, about.f_bavail * about.f_frsize - LEFT_BYTES)))

    def free(self):
        for pool in self._pools:
            self._ballast(pool).unlink(missing_ok=True)

    def end(self):
        for pool in self._pools:
            subprocess.run(["umount", "--lazy", pool], check=True)

    def _ballast(self, pool):
        return pool / "ballast"


@pytest.fixture(params=[Pretended, Mounted])
def disks(request, tmp_path, monkeypatch):
    made = request.param([Consortium(tmp_path).site(name).pool for name in (PUBLISHER, FETCHER)], monkeypatch)
    yield made
    made.end()


def test_full_disks_cost_their_owners_what_they_could_not_write_until_there_is_room_again(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disks
) -> None:
    admit = Pool.admit
    pools = {name: Consortium(tmp_path).site(name).pool for name in "abc"}

    def contributed(task, nets, method, *more):
        if task.entity == PUBLISHER and method.name == "deep-poisoning" and not over:
            disks.fill(pools[PUBLISHER])
        return contribute(task, nets, method, *more)

    def admitted(pool, *release):
        if pool.audit_log._path.parent == pools[FETCHER] and not over:
            disks.fill(pools[FETCHER])
        return admit(pool, *release)

    over = []
    monkeypatch.setattr(handlers, "contribute", contributed)
    monkeypatch.setattr(Pool, "admit", admitted)
    interpose(monkeypatch, straight)
    assert run(NAME, "", "", tmp_path, in_process=True, cpus_per_client=1, exchange="grpc") == 0
    said = reasons(tmp_path)
    raw, poisoned = ARMS
    full = "OutputError: cannot write release "
    assert said[raw, FETCHER].startswith(full)
    assert f" into {pools[FETCHER]}: [Errno 28] No space left on device" in said[raw, FETCHER]
    assert said[poisoned, FETCHER].startswith("OutputError: cannot write ")  # that release itself, or the index of what lies there
    assert re.search(f" {pools[FETCHER]}.*(No space left on device|[0-9]+ bytes free on its disk)", said[poisoned, FETCHER])
    assert said[raw, OTHER] == ""  # nothing was full for what it needs there
    assert said[poisoned, OTHER].startswith(f"without the release of {PUBLISHER}: {full}")
    assert f" into {pools[PUBLISHER]}: [Errno 28] No space left on device" in said[poisoned, OTHER]
    every = {(name, method): 1 for name in "abc" for method in ("raw-features", "deep-poisoning")}
    assert own_releases(tmp_path) == {one: 1 for one in every if one != (PUBLISHER, "deep-poisoning")}
    assert len(list((pools[PUBLISHER] / "releases").iterdir())) == 1
    assert len(list((pools[FETCHER] / "releases").iterdir())) == 2
    assert left_behind(tmp_path) == []
    over.append(True)
    disks.free()
    assert run(NAME, "", "", tmp_path, in_process=True, cpus_per_client=1, exchange="grpc") == 0
    assert quality_of(tmp_path) == quality_of(small_run)
    assert own_releases(tmp_path) == every
    for pool in pools.values():
        Pool(pool).audit_log.verify()
