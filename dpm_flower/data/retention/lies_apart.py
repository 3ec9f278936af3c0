"""An inbox lies apart from whatever is kept: what lies in an inbox is taken in, put aside and erased."""

from pathlib import Path

from dpm_flower.core.errors import SettingError


def check_lies_apart(inbox: Path, what: str, place: Path) -> None:
    """An inbox, and what lies where -> nothing; SettingError, naming both, where one lies in the other, through links as well."""
    where, found = inbox.resolve(), place.expanduser().resolve()
    if where.is_relative_to(found) or found.is_relative_to(where):
        raise SettingError(f"wanted an inbox apart from {what}, got the inbox {inbox} and {place}: one lies in the other")
