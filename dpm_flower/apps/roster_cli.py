"""The `dpm-flower roster` commands: what a user types -> one function of `roster_command`, imported when it runs."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from dpm_flower.apps.passphrase_options import PassphraseCredential, PassphraseFd

roster = typer.Typer(
    no_args_is_help=True, help="Who takes part in a consortium: changed and signed by its coordinators, followed by its sites."
)

RosterFile: TypeAlias = Annotated[Path, typer.Option("--roster", help="The roster's file; the draft of the next version lies beside it.")]
CardFile: TypeAlias = Annotated[Path, typer.Argument(help="A card.json, whose fingerprint was compared with its owner.")]
Threshold: TypeAlias = Annotated[int, typer.Option(min=1, help="How many of the coordinators must sign.")]
Days: TypeAlias = Annotated[int, typer.Option("--valid-days", min=1, max=3650, help="For how many days from now.")]

DEFAULT = Path("roster.toml")


@roster.command()
def init(
    consortium: Annotated[str, typer.Argument(help="The consortium's name.")],
    coordinator: Annotated[list[Path], typer.Option(help="The card.json of somebody who may sign; once for each of them.")],
    threshold: Threshold,
    path: RosterFile = DEFAULT,
    days: Days = 180,
) -> None:
    """Draft a new consortium's first roster, without members yet."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415  # so that --help is instant

    raise typer.Exit(roster_command.init(path, consortium, coordinator, threshold, days))


@roster.command()
def add(
    card: CardFile,
    roles: Annotated[str, typer.Option(help="What it may do: entity (make releases), relay (pass them on), or entity,relay.")] = "entity",
    days: Days = 365,
    path: RosterFile = DEFAULT,
) -> None:
    """Draft a version with one more member, or a revoked one back under new keys."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415

    raise typer.Exit(roster_command.add(path, card, roles, days))


@roster.command()
def revoke(name: Annotated[str, typer.Argument(help="The member's name.")], path: RosterFile = DEFAULT) -> None:
    """Draft a version in which a member is revoked: nothing of it is accepted any more, and nothing given to it."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415

    raise typer.Exit(roster_command.revoke(path, name))


@roster.command()
def rotate(card: CardFile, path: RosterFile = DEFAULT) -> None:
    """Draft a version with a member's or coordinator's newer card: new keys or another endpoint; the old keys stop."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415

    raise typer.Exit(roster_command.rotate(path, card))


@roster.command()
def move(
    card: Annotated[Path, typer.Argument(help="The member's newer card.json, of identity move: nothing to compare, its keys signed it.")],
    path: RosterFile = DEFAULT,
) -> None:
    """Draft a version in which a member answers at another endpoint, under the very keys that it has."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415

    raise typer.Exit(roster_command.move(path, card))


@roster.command()
def coordinate(
    cards: Annotated[list[Path], typer.Argument(help="The cards of all who may sign from then on.")],
    threshold: Threshold,
    path: RosterFile = DEFAULT,
) -> None:
    """Draft a version with other coordinators or another threshold; the present ones must sign it, and the new ones."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415

    raise typer.Exit(roster_command.coordinate(path, cards, threshold))


@roster.command()
def renew(
    days: Days,
    name: Annotated[str | None, typer.Argument(help="The member whose membership lasts longer. Default: the roster itself.")] = None,
    path: RosterFile = DEFAULT,
) -> None:
    """Draft a version that lasts longer, or in which a member does."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415

    raise typer.Exit(roster_command.renew(path, name, days))


@roster.command()
def sign(
    identity: Annotated[Path, typer.Option(help="The folder of a coordinator's keys.")],
    path: RosterFile = DEFAULT,
    passphrase_fd: PassphraseFd = None,
    passphrase_credential: PassphraseCredential = None,
) -> None:
    """Sign the draft, after a look at it with show; with the last signature that it wants, it takes the roster's place."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415

    raise typer.Exit(roster_command.sign(path, identity, passphrase_fd, passphrase_credential))


@roster.command()
def show(path: RosterFile = DEFAULT) -> None:
    """Print the roster in force, and what the draft beside it changes and whose signatures that wants."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415

    raise typer.Exit(roster_command.show(path))


@roster.command()
def check(
    path: RosterFile = DEFAULT,
    lock: Annotated[Path | None, typer.Option(help="What this site accepted last; follows to this roster if it may.")] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Make the lock, for a site's first roster: compare the digest by telephone.")] = False,
) -> None:
    """Check a roster's signatures and dates, and with --lock that this site may accept it."""
    from dpm_flower.apps import roster_command  # noqa: PLC0415

    raise typer.Exit(roster_command.check(path, lock, pin=pin))
