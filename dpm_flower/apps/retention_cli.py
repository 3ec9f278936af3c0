"""The `dpm-flower retention` commands: what a user types -> one function of `retention_command`, imported when it runs."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

retention = typer.Typer(no_args_is_help=True, help="Images that may be kept for a limited time: what is there, what goes, and proof.")

StoreFolder: TypeAlias = Annotated[Path, typer.Argument(help="The store's folder.")]


@retention.command()
def status(folder: StoreFolder) -> None:
    """Show what is held and when it goes. Nothing is changed."""
    from dpm_flower.apps import retention_command  # noqa: PLC0415  # so that --help is instant

    raise typer.Exit(retention_command.status(folder))


@retention.command()
def purge(
    folder: StoreFolder,
    everything: Annotated[
        bool, typer.Option("--all", help="Erase all images and all that was made of them, whatever their time: for a damaged ledger, too.")
    ] = False,
) -> None:
    """Erase what is over, for a timer that runs every few minutes; 1 if anything that had to go could not."""
    from dpm_flower.apps import retention_command  # noqa: PLC0415

    raise typer.Exit(retention_command.purge(folder, everything=everything))


@retention.command()
def verify(
    folder: StoreFolder,
    known_head: Annotated[
        list[str] | None, typer.Option(help="A head of this ledger that was noted before: finds a ledger that was cut off.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option(help="The key of the digests, where the store has not made its own.")] = None,
) -> None:
    """Check the ledger, that all that went is gone, that nothing is over, and that nothing else lies there; print the head."""
    from dpm_flower.apps import retention_command  # noqa: PLC0415

    raise typer.Exit(retention_command.verify(folder, known_head or [], key_file))
