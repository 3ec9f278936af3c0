"""Values that came from outside -> the same values, once they are known to be safe to use; otherwise ReleaseError."""

import math
import re
import reprlib

from dpm_flower.core.errors import ReleaseError

LARGEST_COUNT = 2**53 - 1  # beyond it other JSON readers lose the last digits
NAME_CHARACTERS = 128
TEXT_CHARACTERS = 200

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
SHA256 = re.compile(r"[0-9a-f]{64}")


def shown(value: object) -> str:
    """Any value -> its representation cut to a few dozen characters, since a peer chose it and messages end up in logs."""
    return reprlib.repr(value)


def name(value: str, what: str) -> str:
    """An identifier that may be part of a key or a row: ASCII letters, digits, '-', '_' and single dots inside."""
    if type(value) is not str or len(value) > NAME_CHARACTERS or not NAME.fullmatch(value) or ".." in value:
        raise ReleaseError(
            f"{what} must be 1 to {NAME_CHARACTERS} ASCII letters, digits, '-', '_' or '.', not starting with '.' and without '..', "
            f"got {shown(value)}"
        )
    return value


def text(value: str, what: str) -> str:
    """A name that people read, spaces and all languages allowed: printable, and nothing that could be taken for a path."""
    safe = type(value) is str and 0 < len(value) <= TEXT_CHARACTERS and value.isprintable()
    if not safe or ".." in value or "/" in value or "\\" in value:
        raise ReleaseError(
            f"{what} must be 1 to {TEXT_CHARACTERS} printable characters without '/', '\\' and '..', got {shown(value)}",
        )
    return value


def count(value: int, what: str, least: int = 0, most: int = LARGEST_COUNT) -> int:
    """A whole number in [least, most]; a bool is none."""
    if type(value) is not int or not least <= value <= most:
        raise ReleaseError(f"{what} must be a whole number from {least} to {most}, got {shown(value)}")
    return value


def finite(value: float, what: str) -> float:
    """A float that is neither infinite nor NaN -> the plain float of that value, which has one form only: no minus zero."""
    if not isinstance(value, float) or not math.isfinite(value):
        raise ReleaseError(f"{what} must be a finite float, got {shown(value)}")
    return float(value) + 0.0


def sha256(value: str, what: str) -> str:
    """A SHA-256 digest in lower-case hexadecimal."""
    if type(value) is not str or not SHA256.fullmatch(value):
        raise ReleaseError(f"{what} must be a SHA-256 in 64 lower-case hexadecimal digits, got {shown(value)}")
    return value
