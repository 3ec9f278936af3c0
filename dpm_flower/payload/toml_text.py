"""Tables of text and whole numbers -> TOML in the one form that it has here, and TOML from outside -> plain values."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.rules import shown

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(table: Mapping[str, object]) -> bytes:
    """A table of strings, whole numbers, lists of strings, tables and lists of tables -> UTF-8; equal tables give equal bytes.

    Keys are sorted, values before tables, as TOML wants it. Written here, since what is signed must not change its form with the
    release of a library. Raises ReleaseError for keys that would need quotes and for values of other types. Source: TOML v1.0.0.
    """
    text = "\n".join(_lines(table, ())) + "\n"
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as err:
        raise ReleaseError(f"text in TOML must be Unicode without lone surrogates: {err}") from err


def from_toml(data: bytes, what: str, limit_bytes: int) -> dict[str, object]:
    """Bytes from outside -> their plain values; the size is looked at before anything else. Raises ReleaseError for what is no TOML."""
    if len(data) > limit_bytes:
        raise ReleaseError(f"{what} may take {limit_bytes} bytes, got {len(data)}")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as err:  # both undecodable text and bad TOML are ValueErrors
        raise ReleaseError(f"{what} is not TOML: {err}") from err


def _lines(table: Mapping[str, object], path: tuple[str, ...]) -> Iterator[str]:
    for key in sorted(table):
        if not _BARE_KEY.fullmatch(key):
            raise ReleaseError(f"a key in TOML must be ASCII letters, digits, '-' and '_', got {shown(key)}")
        if not _holds_tables(table[key]):
            yield f"{key} = {_value(table[key], key)}"
    for key in sorted(table):
        match table[key]:
            case Mapping() as inner:
                yield from ("", f"[{'.'.join((*path, key))}]", *_lines(inner, (*path, key)))
            case [Mapping(), *_] as items:
                for item in items:
                    if not isinstance(item, Mapping):
                        raise ReleaseError(f"{key} must hold tables only, got {shown(item)}")
                    yield from ("", f"[[{'.'.join((*path, key))}]]", *_lines(item, (*path, key)))


def _holds_tables(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping))


def _value(value: object, key: str) -> str:
    match value:
        case str():
            # JSON's escapes are TOML's; only DEL may stand bare in the one and not in the other.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() if not isinstance(value, bool):
            return str(value)
        case [*items] if all(isinstance(item, str) for item in items):
            return f"[{', '.join(_value(item, key) for item in items)}]"
        case _:
            raise ReleaseError(f"{key} in TOML must be text, a whole number, or texts, got {shown(value)}")
