"""The key of a store's digests: whoever has it can show that a given image was here and when it went; others learn nothing from them."""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from dpm_flower.core.durable import sync_folder
from dpm_flower.core.errors import OutputError, RetentionError
from dpm_flower.core.written_once import write_once
from dpm_flower.data.retention.item_file import read_regular

KEY_BYTES = 32

_TEXT = re.compile(rb"[0-9a-f]{64}\n?")


def make_key(path: Path) -> bytes:
    """A file that its owner alone reads, made with a new key if none is there -> the key. Raises RetentionError, OutputError."""
    try:
        if not os.path.lexists(path):
            write_once(path, secrets.token_hex(KEY_BYTES))
            sync_folder(path.parent)
    except OSError as err:
        raise OutputError(f"cannot write the store's key {path}: {err}") from err
    return read_key(path)


def read_key(path: Path) -> bytes:
    """The key in a file. Raises RetentionError where there is none, or another thing."""
    try:
        text = read_regular(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), str(path))
    except OSError as err:
        raise RetentionError(f"cannot read the store's key {path}: {err.strerror}") from err
    if not _TEXT.fullmatch(text):
        raise RetentionError(f"wanted a store's key of {KEY_BYTES} bytes, hexadecimal, in {path}, got something else")
    return bytes.fromhex(text.decode())


def check_value(key: bytes) -> str:
    """What the ledger keeps of a key to know it again. Raises RetentionError for a key of another length."""
    if len(key) != KEY_BYTES:
        raise RetentionError(f"wanted a store's key of {KEY_BYTES} bytes, got {len(key)}")
    return hmac.new(key, b"the key of this store", hashlib.sha256).hexdigest()
