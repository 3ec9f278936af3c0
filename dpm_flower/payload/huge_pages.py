"""Huge pages for a large piece of fresh memory: in ordinary ones its first touch alone can take as long as SHA-256 over it.

NumPy asks for the same for its own arrays. Source: madvise(2), MADV_HUGEPAGE.
"""

import ctypes
import mmap

LEAST_BYTES = 4 << 20  # NumPy's threshold; less is not worth a call


def on_huge_pages(room: memoryview) -> None:
    """Memory that nobody has written to -> the same, to be on huge pages as it fills; nothing where it is small or the system has none."""
    if room.nbytes < LEAST_BYTES or not hasattr(mmap, "MADV_HUGEPAGE"):
        return
    start = ctypes.addressof(ctypes.c_char.from_buffer(room))
    first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE  # the system takes whole pages only
    ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(start + room.nbytes - first), mmap.MADV_HUGEPAGE)
