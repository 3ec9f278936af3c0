"""The `dpm-flower audit-log` commands: what a user types -> one function of `audit_log_command`, imported when it runs."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

audit_log = typer.Typer(no_args_is_help=True, help="What happened to the releases of a pool, in a chain that shows every change.")

PoolFolder: TypeAlias = Annotated[Path, typer.Option("--pool", help="The pool's folder.")]


@audit_log.command()
def verify(
    pool: PoolFolder,
    known_head: Annotated[
        list[str] | None,
        typer.Option(help="A head of this log that a peer holds, from one of our manifests: finds a log that was cut off."),
    ] = None,
) -> None:
    """Print the log's head, or the first entry that was edited, deleted or moved."""
    from dpm_flower.apps import audit_log_command  # noqa: PLC0415  # so that --help is instant

    raise typer.Exit(audit_log_command.verify(pool, known_head or []))


@audit_log.command()
def show(
    pool: PoolFolder,
    last: Annotated[int | None, typer.Option(min=1, help="So many entries from the end. Default: all.")] = None,
) -> None:
    """Print the entries, oldest first, up to the first that was changed."""
    from dpm_flower.apps import audit_log_command  # noqa: PLC0415

    raise typer.Exit(audit_log_command.show(pool, last))
