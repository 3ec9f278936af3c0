"""Canonical JSON: a mapping -> the one byte string that is signed, hashed or compared for it."""

import json
from collections.abc import Mapping


def canonical(value: Mapping[str, object]) -> bytes:
    """A mapping -> its only JSON form: ASCII, sorted keys, no spaces, no NaN. Equal mappings give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")
