"""The `dpm-flower doctor` command: what a user types -> one function of `doctor_command`, imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    site: Annotated[Path, typer.Option(help="The site file, site.toml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print all findings as JSON, for monitoring.")] = False,
) -> None:
    """Say what is wrong with this institution's site before anything of it starts, and what to do about it; changes nothing.

    Each check is a line: ok, warning, wrong, or skipped where something else has to be mended first. Peers and the SuperLink get 5 s to
    answer. The exit code is 1 if anything is wrong.
    """
    from dpm_flower.apps import doctor_command  # noqa: PLC0415  # so that --help is instant

    raise typer.Exit(doctor_command.doctor(site, as_json=as_json))
