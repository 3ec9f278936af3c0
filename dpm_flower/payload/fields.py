"""JSON from outside: bytes -> fields that are read by their type."""

import json
from collections.abc import Set
from typing import NoReturn

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.rules import shown


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


class Fields:
    """One JSON object whose keys are exactly `keys`, some of `optional` besides; each is read by the type that it must have.

    Raises ReleaseError for bytes that are too many or no JSON, for unknown and missing keys, and for values of other types.
    """

    def __init__(self, value: object, what: str, keys: Set[str], optional: Set[str] = frozenset()) -> None:
        if not isinstance(value, dict):
            raise ReleaseError(f"{what} must be a JSON object, got {shown(value)}")
        if unknown := sorted(value.keys() - keys - optional):
            raise ReleaseError(f"{what} has unknown keys {shown(unknown)}; it has {', '.join(sorted(keys | optional))}")
        if missing := sorted(keys - value.keys()):
            raise ReleaseError(f"{what} lacks {', '.join(missing)}")
        self._value: dict[str, object] = value
        self._what = what

    @classmethod
    def parse(cls, data: bytes, what: str, keys: Set[str], limit_bytes: int) -> "Fields":
        """Bytes from outside -> fields; the size is looked at before anything else."""
        if len(data) > limit_bytes:
            raise ReleaseError(f"{what} may take {limit_bytes} bytes, got {len(data)}")
        try:
            value = json.loads(data.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as err:  # both undecodable text and bad JSON are ValueErrors
            raise ReleaseError(f"{what} is not JSON: {err}") from err
        return cls(value, what, keys)

    def text(self, key: str) -> str:
        """The string at `key`."""
        value = self._value[key]
        return value if isinstance(value, str) else self._refuse(key, "a string")

    def text_or_empty(self, key: str) -> str:
        """The string at an optional `key`, which is not empty; without that key, the empty string: there is one form for each."""
        if key not in self._value:
            return ""
        return self.text(key) or self._refuse(key, "left out where it is empty")

    def integer(self, key: str) -> int:
        """The whole number at `key`; true and false are none."""
        value = self._value[key]
        return value if isinstance(value, int) and not isinstance(value, bool) else self._refuse(key, "a whole number")

    def boolean(self, key: str) -> bool:
        """True or false at `key`."""
        value = self._value[key]
        return value if isinstance(value, bool) else self._refuse(key, "true or false")

    def array(self, key: str) -> list[object]:
        """The array at `key`, its items not yet looked at."""
        value = self._value[key]
        return value if isinstance(value, list) else self._refuse(key, "an array")

    def texts(self, key: str) -> tuple[str, ...]:
        """The array of strings at `key`."""
        return tuple(value if isinstance(value, str) else self._refuse(key, "an array of strings") for value in self.array(key))

    def integers(self, key: str) -> tuple[int, ...]:
        """The array of whole numbers at `key`."""
        values = self.array(key)
        return tuple(v if isinstance(v, int) and not isinstance(v, bool) else self._refuse(key, "whole numbers") for v in values)

    def floats(self, key: str) -> dict[str, float]:
        """The object of floats at `key`, under whatever keys it has."""
        value = self._value[key]
        if not isinstance(value, dict):
            self._refuse(key, "an object of floats")
        return {name: number if isinstance(number, float) else self._refuse(key, "an object of floats") for name, number in value.items()}

    def texts_by_name(self, key: str) -> dict[str, str]:
        """The object of strings at `key`, under whatever keys it has."""
        value = self._value[key]
        if not isinstance(value, dict):
            self._refuse(key, "an object of strings")
        return {name: text if isinstance(text, str) else self._refuse(key, "an object of strings") for name, text in value.items()}

    def object(self, key: str, keys: Set[str], optional: Set[str] = frozenset()) -> "Fields":
        """The object at `key`, which has exactly `keys`, and some of `optional` besides."""
        return Fields(self._value[key], f"{self._what}: {key}", keys, optional)

    def _refuse(self, key: str, wanted: str) -> NoReturn:
        raise ReleaseError(f"{self._what}: {key} must be {wanted}, got {shown(self._value[key])}")
