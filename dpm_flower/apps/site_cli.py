"""The `dpm-flower site` commands: what a user types -> one function of their modules, imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

site = typer.Typer(no_args_is_help=True, help="One institution's services.")


@site.callback()
def group() -> None:
    """One institution's services."""


@site.command()
def start(site: Annotated[Path, typer.Option(help="The site file, site.toml.")]) -> None:
    """Start SuperNode, launcher and exchange of this institution together, and end them together, on SIGTERM or when one of them ends."""
    from dpm_flower.apps import site_start  # noqa: PLC0415  # so that --help is instant

    raise typer.Exit(site_start.start(site))


@site.command()
def run(
    inbox: Annotated[
        Path, typer.Option(help="The folder that each day's images come to: CLASS/IMAGE, or IMAGE beside its VOC annotation.")
    ],
    site: Annotated[Path, typer.Option(help="The site file, site.toml, with the sections inbox and data.")],
    once: Annotated[bool, typer.Option("--once", help="Handle what is there as one day, and end.")] = False,
) -> None:
    """Learn from images that may be kept for a limited time: take them in, keep poisoned features, refine the decider, delete on time."""
    from dpm_flower.apps import site_run  # noqa: PLC0415

    raise typer.Exit(site_run.run(site, inbox, once=once))


@site.command()
def bundle(app: Annotated[Path, typer.Argument(help="The folder of the Flower app.")] = Path()) -> None:
    """Print the digest of the bundle that `flwr run` would submit from a folder: what a site's policy lists in `bundles`."""
    from dpm_flower.apps import bundle as bundles  # noqa: PLC0415
    from dpm_flower.apps.refusal import exit_code  # noqa: PLC0415

    raise typer.Exit(exit_code(lambda: print(bundles.digest_of_app(app))))
