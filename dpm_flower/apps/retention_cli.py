"""The `dpm-flower retention` commands: what a user types -> one function of `retention_command`, imported when it runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from dpm_flower.core.errors import SettingError

retention = typer.Typer(no_args_is_help=True, help="Images that may be kept for a limited time: what is there, what goes, and proof.")

StoreFolder: TypeAlias = Annotated[Path, typer.Argument(help="The store's folder.")]
InboxFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="The inbox of this store: files that wait there, are hidden or were rejected, and are over, count too. Wants --site."
    ),
]
SiteFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="The site file, site.toml: an inbox that is not apart from all else that is the site's is refused.")
]


def _inbox_of(folder: Path, inbox: Path | None, site: Path | None) -> Callable[[], Path] | None:
    """A store, and what was typed -> what gives its inbox, and raises DpmFlowerError for one that is none; None where none is named.

    Raises typer's error for one option without the other: what is over in an inbox is a matter of its site's store.
    """
    if inbox is None and site is None:
        return None
    if inbox is None or site is None:
        raise typer.BadParameter("--inbox and --site go together: the site file says what an inbox has to be apart from")
    from dpm_flower.regime.inbox_apart import check_apart  # noqa: PLC0415  # importing torch takes seconds, and a timer calls often
    from dpm_flower.regime.site_file import read_site_file  # noqa: PLC0415

    def checked() -> Path:
        found = read_site_file(site.resolve())
        if found.inbox is None or found.inbox.store.resolve() != folder.resolve():
            wanted = f"the store of its section inbox, {found.inbox.store}" if found.inbox is not None else "a section inbox"
            raise SettingError(f"{site}: wanted {wanted}, got the store {folder}")
        check_apart(inbox, site.resolve(), found)
        return inbox

    return checked


@retention.command()
def status(folder: StoreFolder, inbox: InboxFolder = None, site: SiteFile = None) -> None:
    """Show what is held and when it goes. Nothing is changed."""
    from dpm_flower.apps import retention_command  # noqa: PLC0415  # so that --help is instant

    raise typer.Exit(retention_command.status(folder, inbox=_inbox_of(folder, inbox, site)))


@retention.command()
def purge(
    folder: StoreFolder,
    everything: Annotated[
        bool, typer.Option("--all", help="Erase all images and all that was made of them, whatever their time: for a damaged ledger, too.")
    ] = False,
    inbox: InboxFolder = None,
    site: SiteFile = None,
) -> None:
    """Erase what is over, for a timer that runs every few minutes; 1 if anything that had to go could not."""
    from dpm_flower.apps import retention_command  # noqa: PLC0415

    if everything and inbox is not None:
        raise typer.BadParameter("--all is of the store alone: an inbox's files go by their time")
    raise typer.Exit(retention_command.purge(folder, everything=everything, inbox=_inbox_of(folder, inbox, site)))


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
