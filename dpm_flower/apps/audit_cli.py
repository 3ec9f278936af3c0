"""The `dpm-flower audit` command: what a user types -> one function of `audit_command`, imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from dpm_flower.apps.passphrase_options import PassphraseCredential, PassphraseFd


def audit(
    site: Annotated[Path, typer.Option(help="The site file, site.toml.")],
    campaign: Annotated[str, typer.Option(help="The campaign whose releases to look at. Default: the one that was audited last.")] = "",
    study: Annotated[
        str, typer.Option(help='Attack the releases anew: the campaign\'s study, "package.module:NAME". Default: show what was found.')
    ] = "",
    data: Annotated[str, typer.Option(help="Data instead of the study's own, as the run had it.")] = "",
    attacks: Annotated[
        str,
        typer.Option(help="The study whose attacks to run. Default: those of --study; if it has none, A1, A2 (three shadows), L1 and L2."),
    ] = "",
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Show what attackers get out of this institution's own releases, or attack them anew; writes a page for the owner's eyes.

    Every release is attacked before it leaves, and what was found then stays as it is: later audits stand beside it. A module that a
    release was made with is gone when it has left: an attack that asks it (A4) runs at that time only. The exit code is 1 where there
    is no release to audit, and where a new audit exceeds a limit that the site's policy has.
    """
    if not study and (data or attacks or passphrase_fd is not None or passphrase_credential):
        raise typer.BadParameter("--data, --attacks and a passphrase are for attacks anew, with --study")
    from dpm_flower.apps import audit_again, audit_command  # noqa: PLC0415  # so that --help is instant

    again = audit_again.Again(
        study=study, data=data, attacks=attacks, passphrase_fd=passphrase_fd, passphrase_credential=passphrase_credential
    )
    raise typer.Exit(audit_command.audit(site, campaign, again if study else None))
