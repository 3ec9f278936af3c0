"""A flat run config -> the TOML document that ``flwr run`` reads back as the same values."""

import json
from collections.abc import Mapping

from dpm_flower.core.errors import SettingError


def as_toml(run_config: Mapping[str, str | int | float | bool]) -> str:
    """A flat run config -> a TOML document that reads back as the same values, whatever the strings hold.

    A file, since Flower's own parser of ``key='text'`` arguments cuts strings that hold both kinds of quotation marks.
    Raises SettingError for other types, integers beyond 64 bits, and text that is not Unicode.
    """
    lines = []
    for key, value in run_config.items():
        match value:
            case bool():
                text = "true" if value else "false"
            case int() if -(2**63) <= value < 2**63:
                text = str(value)
            case float():
                text = repr(value)
            case str():
                text = toml_string(value)
            case _:
                raise SettingError(f"a run config holds strings, 64-bit integers, floats and booleans, got {key} = {value!r}")
        lines.append(f"{toml_string(key)} = {text}\n")
    return "".join(lines)


def toml_string(text: str) -> str:
    """Text -> a TOML basic string. JSON's escapes are TOML's, but for DEL, which TOML wants escaped as well."""
    try:
        text.encode()
    except UnicodeEncodeError as err:
        raise SettingError(f"a run config holds Unicode text, got {text!r}") from err
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
