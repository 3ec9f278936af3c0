import os

import numpy as np
import pytest
import torch

from dpm_flower.training import feature_file
from dpm_flower.training.feature_file import CHECKSUM_BYTES, read_features, write_features

FEATURES = torch.rand(5, 2, 3, 3, generator=torch.Generator().manual_seed(0))
IN_MEMORY, MAPPED = 1 << 30, 100


@pytest.fixture
def path(tmp_path):
    write_features(tmp_path / "a.npy", tuple(FEATURES.shape), torch.split(FEATURES, 2))
    return tmp_path / "a.npy"


@pytest.mark.parametrize("memory_bytes", [IN_MEMORY, MAPPED])
def test_what_was_written_is_read(path, memory_bytes):
    found = read_features(path, memory_bytes)
    assert found.dtype == torch.float32
    assert torch.equal(found, FEATURES)
    found.zero_()
    assert torch.equal(read_features(path, memory_bytes), FEATURES)


def test_it_is_an_npy_array_with_a_checksum_behind(path):
    assert np.array_equal(np.load(path, allow_pickle=False), FEATURES.numpy())
    assert path.stat().st_size == 128 + FEATURES.nbytes + CHECKSUM_BYTES


def test_batches_in_another_memory_layout_are_written_alike(path, tmp_path):
    write_features(tmp_path / "b.npy", tuple(FEATURES.shape), [FEATURES.contiguous(memory_format=torch.channels_last)])
    assert (tmp_path / "b.npy").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("memory_bytes", [IN_MEMORY, MAPPED])
def test_a_damaged_file_is_none_wherever_the_damage_is(path, memory_bytes):
    whole = path.read_bytes()
    damaged = [whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :] for at in range(0, len(whole), 23)]
    for number, content in enumerate([*damaged, b"", whole[:3], whole[:-1], whole[: len(whole) // 2], whole[:128], whole + b"!"]):
        path.write_bytes(content)
        os.utime(path, ns=(number, number))  # the clock of a file system may stand still between two writes
        assert read_features(path, memory_bytes) is None, number
    path.unlink()
    assert read_features(path, memory_bytes) is None


def test_a_file_that_ends_as_it_should_and_is_no_array_is_none(path):
    body = b"no array"
    path.write_bytes(body + feature_file.zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little"))
    assert read_features(path, IN_MEMORY) is None


def test_a_process_compares_an_unchanged_file_once(path, monkeypatch):
    read_features(path, IN_MEMORY)
    monkeypatch.setattr(feature_file.zlib, "crc32", lambda *_: pytest.fail("read again"))
    assert read_features(path, IN_MEMORY) is not None
    assert read_features(path, MAPPED) is not None


def test_a_file_that_cannot_be_read_is_an_error(path):
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        read_features(path, IN_MEMORY)


def test_a_full_disk_is_an_error_and_kills_nobody():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with pytest.raises(OSError, match="No space left"):
        write_features(feature_file.Path("/dev/full"), tuple(FEATURES.shape), [FEATURES])
