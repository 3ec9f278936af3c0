from pathlib import Path

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.layout import bytes_held, release_folder, shard_name, tombstone, work_folder


def test_a_digest_has_its_places():
    assert release_folder(Path("pool"), "a" * 64) == Path("pool/releases") / ("a" * 64)
    assert work_folder(Path("pool"), "a" * 64) == Path("pool/staging") / ("a" * 64)
    assert tombstone(Path("pool"), "a" * 64) == Path("pool/tombstones") / ("a" * 64 + ".json")


@pytest.mark.parametrize("digest", ["", "..", "../../etc", "a" * 63, "A" * 64, "a" * 63 + "/", "/" + "a" * 63])
def test_what_is_no_digest_has_none(digest):
    for place in (release_folder, work_folder, tombstone):
        with pytest.raises(ReleaseError, match="SHA-256"):
            place(Path("pool"), digest)


def test_shards_lie_in_the_order_of_their_names():
    names = [shard_name(position) for position in range(0, 16384, 100)]
    assert sorted(set(names)) == names


def test_what_lies_of_a_release_is_counted(tmp_path):
    digest = "a" * 64
    assert bytes_held(tmp_path, digest) == 0
    release_folder(tmp_path, digest).mkdir(parents=True)
    for position in range(3):
        (release_folder(tmp_path, digest) / shard_name(position)).write_bytes(bytes(10 * position))
    assert bytes_held(tmp_path, digest) == 30
    with pytest.raises(ReleaseError, match="SHA-256"):
        bytes_held(tmp_path, "../" + digest)
