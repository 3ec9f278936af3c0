"""An index that is gone, damaged, or of another time is made anew from what lies in the folders."""

import shutil

import pytest

from dpm_flower.core.errors import PoolError
from dpm_flower.exchange.pool import Pool
from tests.exchange.examples import release_folder, released
from tests.payload.examples import NOW

DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "no database": lambda path: path.write_bytes(b"no database" * 999),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:5000]),
}


def clock():
    """Seconds that go on, so that the order of admission can be told."""
    now = iter(range(NOW, NOW + 10**6))
    return lambda: next(now)


@pytest.fixture
def pool(tmp_path):
    """A pool with releases in every state but damaged."""
    made, releases = Pool(tmp_path, clock=clock()), [released(sequence) for sequence in range(4)]
    for release, shards in releases:
        made.publish(release, shards)
    made.withdraw(releases[1][0].digest, "why")
    return made


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_opening_makes_the_same_index_again(pool, tmp_path, damage):
    before = pool.listing()
    assert [listing.state for listing in before] == ["held", "withdrawn", "held", "held"]
    damage(tmp_path / "index.sqlite")
    assert Pool(tmp_path).listing() == before
    assert [entry.details.get("index") for entry in pool.audit_log.entries()][-1] == "rebuilt"


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_an_open_pool_makes_it_when_it_is_asked(pool, tmp_path, damage):
    before = pool.listing()
    damage(tmp_path / "index.sqlite")
    assert pool.listing() == before
    damage(tmp_path / "index.sqlite")
    release, shards = released(sequence=9)
    pool.publish(release, shards)
    assert pool.listing()[:-1] == before
    assert pool.listing()[-1].digest == release.digest
    damage(tmp_path / "index.sqlite")
    pool.withdraw(release.digest, "why")
    assert pool.find(release.digest).state == "withdrawn"


def test_what_has_not_its_sizes_is_listed_as_damaged_and_mended_by_admitting_it(pool, tmp_path):
    release, shards = released(sequence=2)
    (release_folder(tmp_path, release) / "00001.shard").write_bytes(b"x")
    (tmp_path / "index.sqlite").unlink()
    assert pool.find(release.digest).state == "damaged"
    assert release.digest not in pool.digests()
    pool.publish(release, shards)
    assert pool.find(release.digest).state == "held"
    assert pool.read(release) == shards


def test_what_has_no_envelope_is_not_listed(pool, tmp_path):
    release, _ = released(sequence=2)
    (release_folder(tmp_path, release) / "envelope.json").write_bytes(b"{}")
    (tmp_path / "index.sqlite").unlink()
    assert len(pool.listing()) == 3
    assert release_folder(tmp_path, release).exists()  # listing removes nothing


def test_an_index_cannot_be_made_of_nothing(pool, tmp_path):
    shutil.rmtree(tmp_path)
    for act in (pool.listing, pool.digests, lambda: pool.find("0" * 64)):
        with pytest.raises(PoolError, match="cannot list the pool"):
            act()
