import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpm_flower.core.errors import PeerError
from dpm_flower.exchange.chunk_frame import framed, unframed
from dpm_flower.exchange.exchange_pb2 import FetchChunk

SIZES = [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]  # where lengths take a byte more


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("told", [None, 0, 1, 2**40])
def test_protobuf_reads_what_is_framed(size, told):
    data = bytes(size - 1) + b"x" if size else b""
    assert FetchChunk.FromString(framed(data, told)) == FetchChunk(data=data, size_bytes=told or 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("told", [0, 1, 2**40])
def test_what_protobuf_writes_is_read(size, told):
    data = bytes(size - 1) + b"x" if size else b""
    assert unframed(FetchChunk(data=data, size_bytes=told).SerializeToString()) == (data, told)
    assert unframed(framed(data, told)) == (data, told)


@given(st.binary(max_size=30) | st.binary(max_size=30).map(lambda rest: b"\x0a" + rest))
def test_anything_is_read_as_protobuf_reads_it_or_refused_as_it_refuses_it(message):
    try:
        wanted = FetchChunk.FromString(message)
    except Exception:
        with pytest.raises(PeerError, match="wanted a FetchChunk"):
            unframed(message)
    else:
        assert unframed(message) == (wanted.data, wanted.size_bytes)
