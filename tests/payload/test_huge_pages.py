"""Large fresh memory is on huge pages, and what is written to it stays; small memory is left alone."""

import ctypes
import mmap
from pathlib import Path

import pytest

from dpm_flower.payload.huge_pages import LEAST_BYTES, on_huge_pages

SMAPS = Path("/proc/self/smaps")
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
needs_huge_pages = pytest.mark.skipif(not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="this kernel has no huge pages")


def flags_at(address):
    """An address -> the flags of the mapping that it lies in."""
    inside = False
    for line in SMAPS.read_text().splitlines():
        start, _, rest = line.partition("-")
        if rest and ":" not in start:
            inside = int(start, 16) <= address < int(rest.split()[0], 16)
        elif inside and line.startswith("VmFlags:"):
            return line.split()[1:]
    raise AssertionError(f"no mapping holds {address:x}")


@needs_huge_pages
@pytest.mark.parametrize(("size", "asked"), [(LEAST_BYTES, True), (LEAST_BYTES + 12_345, True), (LEAST_BYTES - 1, False)])
@pytest.mark.parametrize("offset", [0, 48])
def test_large_memory_is_on_huge_pages(size, asked, offset):
    room = memoryview(mmap.mmap(-1, size + offset, flags=PRIVATE))[offset:]
    on_huge_pages(room)
    address = ctypes.addressof(ctypes.c_char.from_buffer(room))
    for place in (address + 4096, address + size // 2, address + size - 1):
        assert ("hg" in flags_at(place)) == asked


def test_what_is_written_there_stays():
    room = memoryview(bytearray(LEAST_BYTES))
    on_huge_pages(room)
    room[:3], room[-3:] = b"abc", b"xyz"
    assert bytes(room) == b"abc" + bytes(LEAST_BYTES - 6) + b"xyz"


def test_where_the_system_has_none_nothing_happens(monkeypatch):
    monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("nothing was to be called"))
    on_huge_pages(memoryview(bytearray(LEAST_BYTES)))
