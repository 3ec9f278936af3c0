"""The `dpm-flower ca` commands: what a user types -> one function of `ca_command`, imported when it runs."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from dpm_flower.apps.passphrase_options import PassphraseCredential, PassphraseFd

ca = typer.Typer(no_args_is_help=True, help="Certificates for development and trials; another certificate authority works too.")

Folder: TypeAlias = Annotated[Path, typer.Option("--ca", help="The authority's folder.")]
Days: TypeAlias = Annotated[int, typer.Option(min=1, max=398, help="How long it holds; never longer than the authority's own.")]
Output: TypeAlias = Annotated[
    Path | None, typer.Option(help="Where the certificate goes. Default: beside the request, or in the old one's place.")
]


@ca.command()
def create(
    folder: Annotated[Path, typer.Argument(help="The new folder for its private key; never one that is published.")],
    name: Annotated[str, typer.Option(help="The name in its certificate.")] = "dpm-flower development CA",
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it holds.")] = 1825,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Make an authority: ca.key, which stays in its folder, and ca.crt, which everybody gets."""
    from dpm_flower.apps import ca_command  # noqa: PLC0415  # so that --help is instant

    raise typer.Exit(ca_command.create(folder, name, days, passphrase_fd, passphrase_credential))


@ca.command()
def sign(
    request: Annotated[Path, typer.Argument(help="The institution's tls.csr.")],
    card: Annotated[Path, typer.Option(help="Its card.json, whose fingerprint was compared with its owner.")],
    authority: Folder,
    output: Output = None,
    days: Days = 90,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Sign an institution's certificate, if its request keeps to its card: names, key and proof that it has that key."""
    from dpm_flower.apps import ca_command  # noqa: PLC0415

    raise typer.Exit(ca_command.sign(request, card, authority, output, days, passphrase_fd, passphrase_credential))


@ca.command()
def sign_host(
    hosts: Annotated[list[str], typer.Argument(help="The host's names and addresses.")],
    authority: Folder,
    folder: Annotated[Path, typer.Option(help="The new folder for the host's key and certificate.")],
    days: Days = 90,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Make a key and a certificate for the SuperLink's host."""
    from dpm_flower.apps import ca_command  # noqa: PLC0415

    raise typer.Exit(ca_command.sign_host(hosts, authority, folder, days, passphrase_fd, passphrase_credential))


@ca.command()
def renew(
    certificate: Annotated[Path, typer.Argument(help="A certificate that this authority signed, expired or not.")],
    authority: Folder,
    output: Output = None,
    days: Days = 90,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Sign a certificate anew for the same key and names."""
    from dpm_flower.apps import ca_command  # noqa: PLC0415

    raise typer.Exit(ca_command.renew(certificate, authority, output, days, passphrase_fd, passphrase_credential))
