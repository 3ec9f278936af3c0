"""The `dpm-flower release` commands: what a user types -> one function of their modules, imported when it runs."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from dpm_flower.apps.passphrase_options import PassphraseCredential, PassphraseFd

release = typer.Typer(no_args_is_help=True, help="The releases in a pool: what is there, whether it is whole, as files, and at peers.")

PoolFolder: TypeAlias = Annotated[Path, typer.Option("--pool", help="The pool's folder.")]
Digest: TypeAlias = Annotated[str, typer.Argument(help="The release's digest, or its first 8 digits or more.")]
SiteFile: TypeAlias = Annotated[Path, typer.Option("--site", help="The site file, site.toml: whose keys, roster and pool are used.")]
Peer: TypeAlias = Annotated[str, typer.Argument(help="The member's name in the roster.")]
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
def catalogue(
    peer: Peer,
    site: SiteFile,
    campaign: Campaign = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """List what a peer or a relay has for this site, and what of it lies in the pool already."""
    from dpm_flower.apps import release_exchange  # noqa: PLC0415

    raise typer.Exit(release_exchange.catalogue(site, peer, campaign, passphrase_fd, passphrase_credential))


@release.command()
def fetch(
    peer: Peer,
    digest: Digest,
    site: SiteFile,
    campaign: Campaign = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Take a release of a peer's catalogue into the pool, if its sender is on the roster and signed it."""
    from dpm_flower.apps import release_exchange  # noqa: PLC0415

    raise typer.Exit(release_exchange.fetch(site, peer, digest, campaign, passphrase_fd, passphrase_credential))


@release.command()
def publish(
    digest: Digest,
    to: Annotated[str, typer.Option(help="The relay's name in the roster.")],
    site: SiteFile,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Give a release of this site's own to a relay, which passes it on to those it is for."""
    from dpm_flower.apps import release_exchange  # noqa: PLC0415

    raise typer.Exit(release_exchange.publish(site, digest, to, passphrase_fd, passphrase_credential))


@release.command()
def withdraw(
    digest: Digest,
    reason: Annotated[str, typer.Option(help="Why; kept in the tombstone and the audit log.")],
    pool: Annotated[Path | None, typer.Option(help="The pool's folder, for a withdrawal here.")] = None,
    at: Annotated[
        str | None, typer.Option(help="A relay or a peer, by its name in the roster: withdraw this site's release there.")
    ] = None,
    site: Annotated[Path | None, typer.Option(help="The site file, for --at: whose keys and roster are used.")] = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Delete a release's shards for good, in the pool here or with --at in that one. It is never served nor taken again there.

    Each place is withdrawn from by itself; files that were exported are their holders' to delete.
    """
    if at is None and pool is not None and site is None:
        from dpm_flower.apps import release_command  # noqa: PLC0415

        raise typer.Exit(release_command.withdraw(pool, digest, reason))
    if at is None or site is None or pool is not None:
        raise typer.BadParameter("wanted --pool to withdraw here, or --at and --site to withdraw there")
    from dpm_flower.apps import release_exchange  # noqa: PLC0415

    raise typer.Exit(release_exchange.withdraw(site, digest, at, reason, passphrase_fd, passphrase_credential))


@release.command()
def schema() -> None:
    """Print the published JSON Schema of the manifest."""
    from dpm_flower.apps import schema_command  # noqa: PLC0415

    raise typer.Exit(schema_command.show())
