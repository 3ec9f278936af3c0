"""A study -> its settings as plain JSON, for the file of results and the report."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeAlias

Json: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None


def settings_of(value: object) -> Json:
    """A value made of frozen dataclasses -> JSON; a dataclass becomes its fields, after its name under "kind".

    Anything else becomes its type's name: this runs after the hours of training, and an odd knob of a method may not cost them.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return {str(name): settings_of(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [settings_of(part) for part in value]
    if isinstance(value, set | frozenset):
        return [settings_of(part) for part in sorted(value, key=str)]
    if is_dataclass(value) and not isinstance(value, type):
        return {"kind": type(value).__name__} | {field.name: settings_of(getattr(value, field.name)) for field in fields(value)}
    named = value if isinstance(value, type) or callable(value) else type(value)
    return str(getattr(named, "__qualname__", type(value).__qualname__))


def flattened(settings: Json, path: str = "") -> list[tuple[str, str]]:
    """Nested settings -> ("refine.steps", "600") for each leaf, in order; a list of plain values is one leaf."""
    if isinstance(settings, dict):
        return [leaf for name, part in settings.items() for leaf in flattened(part, f"{path}.{name}" if path else name)]
    if isinstance(settings, list) and any(isinstance(part, dict | list) for part in settings):
        return [leaf for place, part in enumerate(settings, 1) for leaf in flattened(part, f"{path} {place}")]
    if isinstance(settings, list):
        return [(path, ", ".join(map(_plainly, settings)) or "none")]
    return [(path, _plainly(settings))]


def _plainly(value: Json) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
