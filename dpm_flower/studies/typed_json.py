"""Plain JSON -> the frozen dataclasses that it was written from, each value checked against its annotation."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from dpm_flower.core.errors import StudyError
from dpm_flower.studies.settings import Json

Built = TypeVar("Built")


def built(kind: type[Built], value: Any, where: str = "results") -> Built:
    """A dataclass and the JSON of one of its values -> that value.

    Understands dataclasses, tuples of one kind, mappings from text, optional values, and JSON's own kinds. Raises StudyError,
    with the place, for JSON that does not fit.
    """
    if not isinstance(value, dict):
        raise StudyError(f"wanted an object for {where}, got {type(value).__name__}")
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # callers pass dataclasses only
    needed = {name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING}
    if needed - set(value) or set(value) - set(known):
        raise StudyError(f"wanted the fields {', '.join(sorted(known))} in {where}, got {', '.join(sorted(value))}")
    return kind(**{name: _checked(hints[name], part, f"{where}.{name}") for name, part in value.items()})


def _checked(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind == Json or kind is Any:
        return value
    if origin in (Union, UnionType):
        inner = next(part for part in arguments if part is not NoneType)
        return None if value is None else _checked(inner, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_checked(arguments[0], part, f"{where}[{place}]") for place, part in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {name: _checked(arguments[1], part, f"{where}.{name}") for name, part in value.items()}
    if is_dataclass(kind) and isinstance(kind, type):
        return built(kind, value, where)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise StudyError(f"wanted {getattr(kind, '__name__', kind)} for {where}, got {type(value).__name__}")
