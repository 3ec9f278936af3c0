import pytest

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.exchange.tombstones import REASON_CHARACTERS, Tombstone, Tombstones
from tests.exchange.test_listing import example


@pytest.mark.parametrize("ended", ["withdrawn", "expired"])
def test_a_tombstone_is_read_back_and_says_which_it_is(tmp_path, ended):
    tombstone = Tombstone(example(ended), 99, "why \U0001f600\0")
    Tombstones(tmp_path).put(tombstone)
    assert Tombstones(tmp_path).get(tombstone.listing.digest) == tombstone
    assert tombstone.ended == ended
    assert Tombstones(tmp_path).digests() == {tombstone.listing.digest}
    assert Tombstones(tmp_path).has(tombstone.listing.digest)


def test_reading_makes_nothing(tmp_path):
    tombstones = Tombstones(tmp_path / "pool")
    assert tombstones.digests() == set()
    assert tombstones.get("0" * 64) is None
    assert not tombstones.has("0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_reason_without_end_is_cut(tmp_path):
    Tombstones(tmp_path).put(Tombstone(example("expired"), 1, "\U0001f600" * 99999))
    assert Tombstones(tmp_path).get(example().digest).reason == "\U0001f600" * REASON_CHARACTERS


def test_a_damaged_tombstone_still_buries(tmp_path):
    tombstones, digest = Tombstones(tmp_path), example().digest
    tombstones.put(Tombstone(example("expired"), 1, "why"))
    path = tmp_path / "tombstones" / f"{digest}.json"
    for data in (b"", path.read_bytes()[:-1], path.read_bytes().replace(b"expired", b"held")):
        path.write_bytes(data)
        assert tombstones.has(digest)
        assert tombstones.digests() == {digest}
        with pytest.raises(PoolError, match=f"tombstone .*{digest}.json is damaged"):
            tombstones.get(digest)


def test_a_tombstone_of_another_release_is_damaged(tmp_path):
    tombstones = Tombstones(tmp_path)
    tombstones.put(Tombstone(example("expired"), 1, "why"))
    (tmp_path / "tombstones" / f"{example().digest}.json").rename(tmp_path / "tombstones" / f"{'0' * 64}.json")
    with pytest.raises(PoolError, match=f"stands for {example().digest}"):
        tombstones.get("0" * 64)


def test_what_is_no_tombstone_is_passed_over(tmp_path):
    tombstones = Tombstones(tmp_path)
    tombstones.put(Tombstone(example("expired"), 1, "why"))
    for name in (".DS_Store", "x.json", f".{'0' * 64}.json.ab.partial"):
        (tmp_path / "tombstones" / name).touch()
    assert tombstones.digests() == {example().digest}


def test_no_name_from_outside_becomes_a_path(tmp_path):
    for look in (Tombstones(tmp_path).has, Tombstones(tmp_path).get):
        with pytest.raises(ReleaseError, match="SHA-256"):
            look("../../x")


def test_a_disk_that_does_not_take_it_is_an_output_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        Tombstones(tmp_path / "file").put(Tombstone(example("expired"), 1, "why"))
