"""The `dpm-flower release` commands: what a user types -> one function of their modules, imported when it runs."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

release = typer.Typer(no_args_is_help=True, help="The releases in a pool: what is there, whether it is whole, and as files.")

PoolFolder: TypeAlias = Annotated[Path, typer.Option("--pool", help="The pool's folder.")]
Digest: TypeAlias = Annotated[str, typer.Argument(help="The release's digest, or its first 8 digits or more.")]
Campaign: TypeAlias = Annotated[str | None, typer.Option(help="Of this campaign only. Default: of any.")]


@release.command("list")
def list_all(pool: PoolFolder, campaign: Campaign = None) -> None:
    """List all releases, those that were withdrawn or have expired too."""
    from dpm_flower.apps import release_command  # noqa: PLC0415  # so that --help is instant

    raise typer.Exit(release_command.list_all(pool, campaign))


@release.command()
def show(digest: Digest, pool: PoolFolder) -> None:
    """Show one release as JSON: what its manifest says, its shards, or why it ended."""
    from dpm_flower.apps import release_command  # noqa: PLC0415

    raise typer.Exit(release_command.show(pool, digest))


@release.command()
def verify(
    digest: Digest,
    pool: PoolFolder,
    roster: Annotated[Path | None, typer.Option(help="The roster's file: signatures are checked too, with --lock.")] = None,
    lock: Annotated[Path | None, typer.Option(help="The file that holds this site to its roster.")] = None,
) -> None:
    """Compare every byte of a release with what its envelope says; with a roster, check who signed that."""
    if roster is None and lock is None:
        from dpm_flower.apps import release_command  # noqa: PLC0415

        raise typer.Exit(release_command.verify(pool, digest))
    if roster is None or lock is None:
        raise typer.BadParameter("signatures need both --roster and --lock")
    from dpm_flower.apps import release_signed  # noqa: PLC0415

    raise typer.Exit(release_signed.verify_signed(pool, digest, roster, lock))


@release.command()
def export(
    digest: Digest,
    pool: PoolFolder,
    to: Annotated[Path, typer.Option(help="The file to write, or a folder for DIGEST.dpm-release. Default: this folder.")] = Path(),
) -> None:
    """Write a release into one file, for a site without a line to this one."""
    from dpm_flower.apps import release_command  # noqa: PLC0415

    raise typer.Exit(release_command.export(pool, digest, to))


@release.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A release's file.")],
    pool: PoolFolder,
    roster: Annotated[Path, typer.Option(help="The roster's file: who may have signed it.")],
    lock: Annotated[Path, typer.Option(help="The file that holds this site to its roster.")],
    campaign: Campaign = None,
) -> None:
    """Take a release out of a file into the pool, if its sender is on the roster and signed it."""
    from dpm_flower.apps import release_signed  # noqa: PLC0415  # torch, which manifests need, takes seconds to import

    raise typer.Exit(release_signed.import_signed(pool, file, roster, lock, campaign))


@release.command()
def withdraw(
    digest: Digest,
    pool: PoolFolder,
    reason: Annotated[str, typer.Option(help="Why; kept in the tombstone and the audit log.")],
) -> None:
    """Delete a release's shards for good. It is never served nor taken again; copies that peers have are theirs to delete."""
    from dpm_flower.apps import release_command  # noqa: PLC0415

    raise typer.Exit(release_command.withdraw(pool, digest, reason))


@release.command()
def schema() -> None:
    """Print the published JSON Schema of the manifest."""
    from dpm_flower.apps import schema_command  # noqa: PLC0415

    raise typer.Exit(schema_command.show())
