"""The `dpm-flower identity` commands: what a user types -> one function of `identity_command`, imported when it runs."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from dpm_flower.apps.passphrase_options import PassphraseCredential, PassphraseFd

identity = typer.Typer(no_args_is_help=True, help="The keys of one institution, made at its own site.")

KeyFolder: TypeAlias = Annotated[Path, typer.Argument(help="The folder of the keys.")]


@identity.command()
def create(
    name: Annotated[str, typer.Argument(help="The institution's name: lower-case letters, digits and inner '-'.")],
    endpoint: Annotated[str, typer.Option(help="Where its peers reach its exchange, host:port.")],
    folder: Annotated[Path | None, typer.Option(help="The new folder for the keys. Default: NAME, in this folder.")] = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
    no_post_quantum: Annotated[bool, typer.Option("--no-post-quantum", help="Sign with Ed25519 only, without ML-DSA-65.")] = False,
) -> None:
    """Make all keys of an institution, here and now, and print its public card: hand over that, and nothing else."""
    from dpm_flower.apps import identity_command  # noqa: PLC0415  # so that --help is instant

    code = identity_command.create(name, endpoint, folder, passphrase_fd, passphrase_credential, post_quantum=not no_post_quantum)
    raise typer.Exit(code)


@identity.command()
def show(
    folder: KeyFolder,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Print the card and its fingerprints, after checking that nobody else can read the keys and that they are the card's."""
    from dpm_flower.apps import identity_command  # noqa: PLC0415

    raise typer.Exit(identity_command.show(folder, passphrase_fd, passphrase_credential))


@identity.command()
def move(
    folder: KeyFolder,
    endpoint: Annotated[str, typer.Option(help="Where its peers reach its exchange from now on, host:port.")],
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Give the institution another address under the same keys, and print its new card: hand that over, for `roster move`."""
    from dpm_flower.apps import identity_command  # noqa: PLC0415

    raise typer.Exit(identity_command.move(folder, endpoint, passphrase_fd, passphrase_credential))
