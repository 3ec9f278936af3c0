"""The two options by which a command gets at the passphrase of private keys: the same for all commands that open some."""

from typing import Annotated, TypeAlias

import typer

PassphraseFd: TypeAlias = Annotated[
    int | None, typer.Option("--passphrase-fd", min=0, help="Read the keys' passphrase from this file descriptor, to its end.")
]
PassphraseCredential: TypeAlias = Annotated[
    str | None,
    typer.Option("--passphrase-credential", help="Read it from this credential of a systemd service ($CREDENTIALS_DIRECTORY/NAME)."),
]
