"""A study's data, in which "{0}", "{1}" ... stand for the paths that a user gives."""

import re

from dpm_flower.core.errors import StudyError

PLACEHOLDER = re.compile(r"\{(\d+)\}")
SEPARATOR = ","  # between several paths; a path that holds one can be given alone only


def placeholders(data: str) -> frozenset[int]:
    """ "{0}", or "{1}?label=Smiling" -> the numbers of the paths that this data stands for; none where it is a name or a path itself."""
    return frozenset(int(number) for number in PLACEHOLDER.findall(data))


def paths_in(given: str) -> tuple[str, ...]:
    """ "a.npz, b.npz" -> both paths; nothing given is no path."""
    return tuple(part.strip() for part in given.split(SEPARATOR)) if given.strip() else ()


def filled(data: str, given: str) -> str:
    """A study's data and what the user gave ("" for nothing) -> the data to load.

    A placeholder is replaced by the path of its number; data without one gives way to whatever is given, as a whole.
    Raises StudyError where a placeholder has no path.
    """
    wanted = placeholders(data)
    if not wanted:
        return given or data
    paths = paths_in(given)
    if lacking := [number for number in sorted(wanted) if number >= len(paths) or not paths[number]]:
        raise StudyError(
            f"wanted a path for {{{lacking[0]}}} in the data {data!r}, --data's number {lacking[0] + 1}, got {len(paths)} paths"
        )
    return PLACEHOLDER.sub(lambda match: paths[int(match[1])], data)
