"""A disk that takes no more in the middle of a shard, as the kernel says it: nothing is half there, and all of it once there is room."""

import resource

import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.exchange.pool import Pool
from tests.exchange.examples import contents, of_one_shard
from tests.exchange.test_pool_writers import ended, in_child

SHARD_BYTES, MOST_BYTES = 1 << 20, 1 << 18  # of a file, which is more than log and index take


@pytest.mark.parametrize("comes", ["published", "fetched"])
def test_a_shard_that_does_not_fit_leaves_nothing_and_fits_when_there_is_room(tmp_path, comes):
    release, shards = of_one_shard(bytes(SHARD_BYTES))

    def put(pool):
        if comes == "published":
            pool.publish(release, shards)
        else:
            pool.admit(release, lambda _: (shards[0].data[start : start + 1000] for start in range(0, SHARD_BYTES, 1000)))

    def fill():
        pool = Pool(tmp_path)
        before = contents(tmp_path / "releases") | contents(tmp_path / "staging")
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, resource.RLIM_INFINITY))
        with pytest.raises(OutputError, match=f"cannot write release {release.digest} into {tmp_path}: .*File too large"):
            put(pool)
        assert contents(tmp_path / "releases") | contents(tmp_path / "staging") == before
        assert Pool(tmp_path).listing() == []
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        put(pool)

    assert ended(in_child(fill)) == 0
    pool = Pool(tmp_path)
    pool.check(release)
    pool.audit_log.verify()
    assert [listing.state for listing in pool.listing()] == ["held"]
