import os
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange.stream import CHUNK_BYTES, checked, file_chunks
from dpm_flower.payload.shard import Shard, ShardEntry

ENTRY = ShardEntry.of(Shard("a", b"0123456789"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1))
def test_the_right_chunks_pass_unchanged_however_they_are_cut(chunks):
    data = b"".join(chunks)
    if data:
        assert list(checked(chunks, ShardEntry.of(Shard("a", data)), PoolError, "here")) == chunks


@pytest.mark.parametrize("refusal", [PoolError, ReleaseError])
@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([], "shard a of x: wanted 10 bytes, got 0"),
        ([b"01234", b"5678"], "wanted 10 bytes, got 9"),
        ([b"0123456789", b"x"], "wanted 10 bytes, got more"),
        ([b"0123456780"], f"wanted SHA-256 {ENTRY.sha256}"),
    ],
)
def test_other_chunks_are_refused_with_the_error_asked_for(chunks, said, refusal):
    with pytest.raises(refusal, match=said):
        list(checked(chunks, ENTRY, refusal, "of x"))


def test_a_stream_without_end_is_cut_at_the_size_of_the_entry():
    def endless():
        while True:
            passed.append(1)
            yield b"0123"

    passed = []
    with pytest.raises(PoolError, match="got more"):
        list(checked(endless(), ENTRY, PoolError, "here"))
    assert len(passed) == 3


def test_a_file_streams_whole_in_constant_memory(tmp_path):
    size = 8 * CHUNK_BYTES + 7
    with (tmp_path / "a").open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        came = sum(len(chunk) for chunk in file_chunks(tmp_path / "a", "a shard"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert came == size
    assert peak < 4 * CHUNK_BYTES


def test_a_file_streams_from_any_place_on(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    for offset in range(12):
        assert b"".join(file_chunks(tmp_path / "a", "a shard", offset)) == b"0123456789"[offset:]


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "link", "folder", "pipe"):
        with pytest.raises(PoolError, match=f"a shard at .*{name}"):
            list(file_chunks(tmp_path / name, "a shard"))
