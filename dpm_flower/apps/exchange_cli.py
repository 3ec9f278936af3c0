"""The `dpm-flower exchange` commands: what a user types -> one function of their modules, imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from dpm_flower.apps.passphrase_options import PassphraseCredential, PassphraseFd

exchange = typer.Typer(no_args_is_help=True, help="The service by which institutions get each other's releases.")


@exchange.callback()
def group() -> None:
    """The service by which institutions get each other's releases."""


@exchange.command()
def serve(
    pool: Annotated[Path, typer.Option(help="The folder of the releases to serve.")],
    identity: Annotated[Path, typer.Option(help="The folder of this site's keys.")],
    certificate: Annotated[Path, typer.Option(help="The certificate for its TLS key; may be replaced while this runs.")],
    ca: Annotated[Path, typer.Option(help="The certificate of the authority that signs the members' certificates.")],
    roster: Annotated[Path, typer.Option(help="The roster's file; a newer one counts as soon as it lies there.")],
    lock: Annotated[Path, typer.Option(help="The file that holds this site to its roster.")],
    listen: Annotated[str, typer.Option(help="Where to listen, host:port; port 0 for any.")] = "0.0.0.0:8443",
    relay: Annotated[bool, typer.Option("--relay", help="Also take releases that members publish here, and pass them on.")] = False,
    store: Annotated[
        str,
        typer.Option(help="Object storage for the pool's shards, a URL: s3://bucket/prefix, file:///folder. The pool remembers it."),
    ] = "",
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Serve a pool's releases to the members of the roster, over mutual TLS 1.3, until SIGTERM; transfers then get 30 s to end."""
    from dpm_flower.apps import exchange_command  # noqa: PLC0415  # so that --help is instant

    site = exchange_command.ExchangeSite(pool=pool, certificate=certificate, ca=ca, roster=roster, lock=lock, listen=listen, store=store)
    intake_of = None
    if relay:
        from dpm_flower.apps import exchange_relay  # noqa: PLC0415  # verifies manifests, for which torch is needed: seconds

        intake_of = exchange_relay.intake_of(pool)
    raise typer.Exit(exchange_command.serve(site, identity, passphrase_fd, passphrase_credential, intake_of))
