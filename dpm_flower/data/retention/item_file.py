"""One image in the store as a file: what is known of it on the first line, then its bytes as they came."""

import hashlib
import hmac
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.durable import write_all
from dpm_flower.core.errors import RetentionError, SettingError

MAX_ITEM_BYTES = 1 << 30  # it is read whole, and is one image

Labels: TypeAlias = Mapping[str, Any]  # what JSON can say: a class, boxes, a camera


@dataclass(frozen=True, slots=True, repr=False)
class Item:
    """An image as it came and what is known of it; when it came and when it goes, in seconds since 1970 UTC."""

    id: str
    content: bytes
    labels: Labels
    arrived_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Digests:
    """Keyed digests of one item, hexadecimal. Each says nothing without the key and the id, and two items never share one."""

    content: str
    labels: str

    @classmethod
    def of(cls, key: bytes, item: str, content: bytes, labels: bytes) -> "Digests":
        """HMAC-SHA256 under the store's key over the id and the content, or over the id and the line of labels."""
        return cls(_keyed(key, f"{item} content ", content), _keyed(key, f"{item} labels ", labels))


def label_line(labels: Labels) -> bytes:
    """Labels -> their line. Raises SettingError for what JSON cannot say."""
    try:
        return canonical(dict(labels))
    except (TypeError, ValueError) as err:
        raise SettingError(f"wanted labels that JSON can say, got {type(err).__name__}: {err}") from err


def parse_labels(line: bytes) -> Labels:
    """A line that `label_line` made -> the labels."""
    found: dict[str, Any] = json.loads(line)
    return found


def write_item(name: str, folder: int, line: bytes, content: bytes) -> None:
    """A name in an open folder -> a new file, on the disk when the call returns. OSErrors pass through; a part may lie there then."""
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        write_all(descriptor, line + b"\n" + content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.fsync(folder)


def read_item(name: str, folder: int) -> tuple[bytes, bytes]:
    """A name in an open folder -> the line of labels and the content. Raises RetentionError for a link; OSErrors pass through."""
    data = read_regular(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder), name)
    line, _, content = data.partition(b"\n")
    return line, content


def read_regular(descriptor: int, what: str) -> bytes:
    """An open file -> its bytes, and it is closed. Raises RetentionError, naming `what`, for a pipe, a second name, or far too much."""
    with open(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise RetentionError(f"{what}: wanted a regular file")
        if about.st_nlink > 1:
            raise RetentionError(f"{what}: wanted a file with one name, got one with {about.st_nlink}: it would outlive its deletion here")
        if about.st_size > MAX_ITEM_BYTES:
            raise RetentionError(f"{what}: wanted at most {MAX_ITEM_BYTES} bytes, got {about.st_size}")
        return file.read()


def _keyed(key: bytes, what: str, data: bytes) -> str:
    return hmac.new(key, what.encode() + data, hashlib.sha256).hexdigest()
