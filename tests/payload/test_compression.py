import random
import tracemalloc

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.compression import CHUNK_BYTES, TRIAL_BYTES, WINDOW_BYTES, compressed, compression, decompressed

NOISE = random.Random(0).randbytes(TRIAL_BYTES)


def opened(data, size, chunk=999):
    return b"".join(decompressed((data[i : i + chunk] for i in range(0, len(data), chunk)), size))


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.integers(40, 3000), st.integers(1, 5000))
def test_round_trip_and_any_reader_opens_it(piece, times, chunk):
    content = piece * times
    frame = compressed(content)
    assert frame is not None
    assert opened(frame, len(content), chunk) == zstandard.decompress(frame) == content
    assert len(frame) <= 0.97 * len(content)
    assert compressed(content) == frame


@pytest.mark.parametrize("content", [b"", b"a", NOISE, NOISE[: len(NOISE) // 2]])
def test_what_does_not_win_is_left_alone(content):
    assert compressed(content) is None


def test_the_edge_of_what_wins():
    def saving(zeros, size=1 << 16):
        return compressed(NOISE[: size - zeros] + bytes(zeros))

    assert saving(1500) is None
    assert saving(2500) is not None


def test_the_first_mebibyte_is_tried_and_then_the_whole_decides():
    assert compressed(NOISE + bytes(4 * TRIAL_BYTES)) is None  # saves 80 %, but not at its beginning
    assert compressed(bytes(TRIAL_BYTES) + NOISE) is not None
    assert compressed(bytes(TRIAL_BYTES // 20) + random.Random(1).randbytes(2 * TRIAL_BYTES)) is None  # 5 % of the first, 2 % of all


def test_a_name_of_a_compression_is_known_or_refused():
    assert (compression("none"), compression("zstd")) == ("none", "zstd")
    with pytest.raises(ReleaseError, match="compression of a shard must be none or zstd, got 'gzip'"):
        compression("gzip")


FRAME = compressed(b"0123456789" * 100)


@pytest.mark.parametrize(
    ("data", "size", "said"),
    [
        (FRAME, 999, "wanted 999 bytes after decompression, got more"),
        (FRAME, 1001, "wanted 1001 bytes after decompression, got 1000"),
        (FRAME[:-4], 1000, "wanted 1000 bytes after decompression, got 0|compressed with Zstandard"),
        (b"", 1000, "wanted 1000 bytes after decompression, got 0"),
        (b"no frame at all", 1000, "wanted content compressed with Zstandard"),
        (FRAME + b"more", 1000, "wanted content compressed with Zstandard"),
        (FRAME + FRAME, 1000, "got more"),
        (FRAME[:4] + b"\xff" + FRAME[5:], 1000, "wanted content compressed with Zstandard"),
    ],
)
def test_anything_but_that_content_is_refused(data, size, said):
    with pytest.raises(ReleaseError, match=said):
        opened(data, size)


def test_what_the_source_raises_comes_out():
    def broken():
        yield FRAME[:5]
        raise ReleaseError("cut off")

    with pytest.raises(ReleaseError, match="cut off"):
        list(decompressed(broken(), 1000))


def peak_of(frame, size):
    tracemalloc.start()
    try:
        with pytest.raises(ReleaseError) as refusal:
            for _ in decompressed([frame], size):
                pass
        return str(refusal.value), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("claimed", [1, 1000, 5 * CHUNK_BYTES])
def test_a_bomb_is_refused_in_the_memory_of_a_few_chunks(claimed):
    bomb = zstandard.compress(bytes(128 << 20), level=1)
    assert len(bomb) < 20_000
    said, peak = peak_of(bomb, claimed)
    assert said == f"wanted {claimed} bytes after decompression, got more"
    assert peak < 3 * CHUNK_BYTES


def test_a_frame_that_asks_for_a_large_window_is_refused():
    settings_ = zstandard.ZstdCompressionParameters(window_log=WINDOW_BYTES.bit_length(), enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=settings_).compressobj()  # without a size, the window is what it says
    frame = stream.compress(bytes(99)) + stream.flush()
    assert (
        peak_of(frame, 99)[0]
        == "wanted content compressed with Zstandard: zstd decompress error: Frame requires too much memory for decoding"
    )
