import os
import tarfile
import tracemalloc

import pytest

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.release_file import read_release, write_release
from dpm_flower.payload.codec import encode
from dpm_flower.payload.envelope import MAX_ENVELOPE_BYTES
from dpm_flower.payload.shard import ShardEntry
from tests.exchange.examples import contents, flip, release_folder, released
from tests.payload.examples import expectation, features, manifest
from tests.payload.unsigned import Unsigned


def judged(envelope):
    return Unsigned().authenticate(envelope, expectation())


def unasked(envelope):
    pytest.fail("asked to judge an envelope")


@pytest.fixture
def exported(tmp_path):
    """-> (the release, its shards, its file)."""
    release, shards = released()
    pool = Pool(tmp_path / "b")
    pool.publish(release, shards)
    write_release(pool, release.digest, tmp_path / "file")
    return release, shards, tmp_path / "file"


def test_a_release_comes_out_of_its_file_as_it_went_in(exported, tmp_path):
    release, shards, file = exported
    pool = Pool(tmp_path / "a")
    for _ in range(2):
        assert read_release(pool, file, judged) == release.digest
    assert pool.read(release) == shards
    assert contents(tmp_path / "a" / "releases") == contents(tmp_path / "b" / "releases")


def test_one_release_has_one_file(exported, tmp_path):
    release, _, file = exported
    pool = Pool(tmp_path / "a", clock=lambda: 1)
    read_release(pool, file, judged)
    write_release(pool, release.digest, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_any_reader_of_tar_finds_the_envelope_and_the_shards_in_order(exported):
    release, shards, file = exported
    with tarfile.open(file, "r:") as opened:
        members = {member.name: opened.extractfile(member).read() for member in opened}
        assert all(member.isreg() for member in opened.getmembers())
    assert list(members) == [f"{release.digest}/{name}" for name in ("envelope.json", "00000.shard", "00001.shard")]
    assert list(members.values()) == [release.envelope.to_bytes(), *(shard.data for shard in shards)]


def test_a_damaged_release_is_not_exported(exported, tmp_path):
    release, _, _ = exported
    flip(release_folder(tmp_path / "b", release) / "00001.shard")
    with pytest.raises(PoolError, match="features-00001"):
        write_release(Pool(tmp_path / "b"), release.digest, tmp_path / "out" / "file")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_release_that_ended_is_not_exported(exported, tmp_path):
    release, _, _ = exported
    pool = Pool(tmp_path / "b")
    pool.withdraw(release.digest, "why")
    with pytest.raises(PoolError, match="withdrawn"):
        write_release(pool, release.digest, tmp_path / "again")


def test_a_file_that_cannot_be_written_is_an_output_error(exported, tmp_path):
    release, _, _ = exported
    (tmp_path / "taken").touch()
    with pytest.raises(OutputError, match="cannot write"):
        write_release(Pool(tmp_path / "b"), release.digest, tmp_path / "taken" / "file")


def refused(tmp_path, file, said, judge=judged):
    pool = Pool(tmp_path / "a")
    with pytest.raises(ReleaseError, match=said):
        read_release(pool, file, judge)
    assert contents(tmp_path / "a" / "releases") == {}
    assert pool.listing() == []


def test_any_flipped_bit_is_refused(exported, tmp_path):
    _, _, file = exported
    data = file.read_bytes()
    for place in range(0, len(data), 61):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        file.write_bytes(changed)
        refused(tmp_path, file, "file|envelope|shard|manifest")


def test_a_file_that_was_cut_anywhere_is_refused(exported, tmp_path):
    _, _, file = exported
    data = file.read_bytes()
    for left in [0, 1, *range(511, len(data), 397), len(data) - 1]:
        file.write_bytes(data[:left])
        refused(tmp_path, file, "cut off")


def test_a_file_that_goes_on_is_refused(exported, tmp_path):
    release, _, file = exported
    file.write_bytes(file.read_bytes() + bytes(512))
    refused(tmp_path, file, rf"not the file of release {release.digest}: wanted \d+ bytes, got")


def rewritten(file, change):
    """The archive with its members changed: `change` gets and gives (TarInfo, bytes) pairs."""
    with tarfile.open(file, "r:") as opened:
        members = [(member, opened.extractfile(member).read()) for member in opened]
    data = b"".join(info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512) for info, data in change(members))
    file.write_bytes(data + bytes(1024))


def renamed(number, name):
    def change(members):
        members[number][0].name = name
        return members

    return change


def typed(number, kind, link=""):
    def change(members):
        members[number][0].type = kind
        members[number][0].linkname = link
        return members

    return change


def moded(members):
    members[1][0].mode = 0o4755
    return members


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda members: members[:-1], "wanted member 00001.shard"),
        (lambda members: [members[0], members[2], members[1]], "wanted member 00000.shard"),
        (lambda members: [members[1], members[0], members[2]], "wanted envelope.json under its own digest first"),
        (lambda members: [*members, members[2]], "wanted the end"),
        (lambda members: [members[0], *members], "wanted member 00000.shard"),
        (renamed(1, "../../etc/passwd"), "wanted member 00000.shard"),
        (renamed(1, "/etc/passwd"), "wanted member 00000.shard"),
        (renamed(0, "envelope.json"), "wanted envelope.json under its own digest"),
        (renamed(0, f"{'0' * 64}/envelope.json"), "wanted envelope.json under its own digest"),
        (typed(1, tarfile.SYMTYPE, "/etc/passwd"), "wanted member 00000.shard"),
        (typed(1, tarfile.LNKTYPE, "/etc/passwd"), "wanted member 00000.shard"),
        (typed(1, tarfile.CHRTYPE), "wanted member 00000.shard"),
        (typed(0, tarfile.DIRTYPE), "wanted envelope.json under its own digest"),
        (moded, "wanted member 00000.shard"),
    ],
)
def test_members_that_are_others_are_refused_before_a_shard_is_read(exported, tmp_path, change, said):
    _, _, file = exported
    rewritten(file, change)
    refused(tmp_path, file, said)


def test_a_member_that_claims_terabytes_is_refused(exported, tmp_path):
    _, _, file = exported
    info = tarfile.TarInfo("x")
    for size in (0, MAX_ENVELOPE_BYTES + 1, 2**33 - 1):
        info.size = size
        file.write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + bytes(2048))
        refused(tmp_path, file, f"an envelope may take {MAX_ENVELOPE_BYTES} bytes, got {size}", unasked)


def test_what_the_judge_refuses_is_not_taken(exported, tmp_path):
    def nobody(envelope):
        raise ReleaseError("not on the roster")

    refused(tmp_path, exported[2], "not on the roster", nobody)


@pytest.mark.parametrize("there", ["nothing", "a folder", "a pipe", "zeros"])
def test_what_is_no_file_of_a_release_is_refused(tmp_path, there):
    path = tmp_path / "file"
    if there == "a folder":
        path.mkdir()
    elif there == "a pipe":
        os.mkfifo(path)
    elif there == "zeros":
        path.write_bytes(bytes(10240))
    refused(tmp_path, path, "cannot read|must be a regular file|begins with no member", unasked)


def test_memory_holds_a_chunk_however_large_the_release_is(tmp_path):
    shards = encode(features(300_000), max_shard_bytes=20 << 20)
    one = manifest(samples=300_000, shards=tuple(ShardEntry.of(shard) for shard in shards))
    release, size = Unsigned().verify(Unsigned().seal(one), expectation()), one.size_bytes
    pool, into = Pool(tmp_path / "b"), Pool(tmp_path / "a")
    pool.publish(release, shards)
    del shards
    tracemalloc.start()
    try:
        write_release(pool, release.digest, tmp_path / "file")
        read_release(into, tmp_path / "file", judged)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 16 << 20
    assert peak < 5 << 20
