"""Best-effort erasure: a name in a folder -> its bytes are overwritten, then the name is gone.

What it can promise: whoever opens, lists or maps the file through this file system finds random bytes and then nothing, and the
pages that the system kept of it in memory are given up. What it cannot: on a file system that copies on write or compresses
(btrfs, ZFS, APFS), with snapshots, a journal of data or a network below, and on flash, whose controller writes every block to
another place, the old blocks stay until they are used again. Swapped memory, backups, and what a process has read stay as well.
Where that matters, the store belongs on an encrypted volume of its own.
"""

import os
import stat
from typing import Literal, TypeAlias

from dpm_flower.core.durable import write_all

CHUNK_BYTES = 1 << 20

How: TypeAlias = Literal["overwritten", "only unlinked", "linked elsewhere"]
_WORST: tuple[How, ...] = ("overwritten", "only unlinked", "linked elsewhere")


def erase(name: str, folder: int) -> How:
    """A name in an open folder, of a file, a link, or a folder with all that is below -> how it went; the worst of several.

    Links are removed and never followed. A file that has other names elsewhere is not overwritten, since those may be somebody
    else's: this name goes, and the answer says so. Whatever can be erased is, before an OSError of what cannot passes through.
    """
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return _erase_file(name, folder)
    worst, failed = 0, list[OSError]()
    for _, folders, files, place in os.fwalk(name, topdown=False, onerror=failed.append, dir_fd=folder):
        for below in files + folders:
            try:
                if below in folders and stat.S_ISDIR(os.stat(below, dir_fd=place, follow_symlinks=False).st_mode):
                    os.rmdir(below, dir_fd=place)
                else:
                    worst = max(worst, _WORST.index(_erase_file(below, place)))
            except OSError as err:
                failed.append(err)
    if failed:
        raise failed[0]
    os.rmdir(name, dir_fd=folder)
    return _WORST[worst]


def _erase_file(name: str, folder: int) -> How:
    how = _overwrite(name, folder)
    os.unlink(name, dir_fd=folder)
    return how


def _overwrite(name: str, folder: int) -> How:
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:  # a link, a pipe without a reader, or a file that not even its owner may write
        return "only unlinked"
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            return "only unlinked"
        if about.st_nlink != 1:
            return "linked elsewhere"
        for start in range(0, about.st_size, CHUNK_BYTES):
            write_all(descriptor, os.urandom(min(CHUNK_BYTES, about.st_size - start)), start)
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:  # a hole in a file on a full disk, a disk that fails: the name goes all the same
        return "only unlinked"
    finally:
        os.close(descriptor)
    return "overwritten"
