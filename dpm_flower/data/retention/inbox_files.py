"""An inbox -> the files that lie in it: those that came, and those that are hidden."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from dpm_flower.core.errors import OutputError
from dpm_flower.data.retention.rejected import REJECTED


@dataclass(slots=True)
class InboxFiles:
    """Paths of files, links to folders among them; `hidden` are those with a name on their way that begins with a dot.

    `failed` says which folders could not be looked into; nothing that lies there is among the paths.
    """

    came: list[Path] = field(default_factory=list)
    hidden: list[Path] = field(default_factory=list)
    failed: list[OutputError] = field(default_factory=list)


def files_in(inbox: Path) -> InboxFiles:
    """An inbox -> its files, but for those that were put aside. No link is followed."""
    found = InboxFiles()

    def told(err: OSError) -> None:
        where = f"the inbox {inbox}" if err.filename == str(inbox) else f"a folder of the inbox {inbox}"
        found.failed.append(OutputError(f"cannot read {where}: {err.strerror}"))

    for place, folders, names in os.walk(inbox, onerror=told):
        here = Path(place)
        if here == inbox and REJECTED in folders:
            folders.remove(REJECTED)
        links = [name for name in folders if os.path.islink(here / name)]
        for name in names + links:
            path = here / name
            hidden = any(part.startswith(".") for part in path.relative_to(inbox).parts)
            (found.hidden if hidden else found.came).append(path)
    return found
