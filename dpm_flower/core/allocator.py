"""Memory that a training step frees is kept for the next one, which else gets it back from the system page by page.

By default glibc returns large pieces at once. A step that poisons 64 feature maps (32,16,16) then touches 14,000 fresh pages, each of
which the kernel clears first. Source: mallopt(3).
"""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD in malloc.h
LARGEST_PIECE = 32 << 20  # bytes; the most that glibc takes as M_MMAP_THRESHOLD where an address has 64 bits
KEPT = 1 << 30  # bytes of free memory at the end of the heap before any of it goes back: more than a step's activations


def keep_freed_memory() -> bool:
    """From now on this process keeps pieces of up to 32 MiB that it frees -> whether its C library can do so; glibc can.

    What is computed does not change.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(MMAP_THRESHOLD, LARGEST_PIECE)) and bool(mallopt(TRIM_THRESHOLD, KEPT))
