"""The `dpm-flower` command: a command's modules are imported when it runs, so that --help is instant."""

import sys
from pathlib import Path
from typing import Annotated

import typer

import dpm_flower.exchange  # noqa: F401  # says which TLS gRPC may speak, in this process and those that it starts, before anybody imports it
from dpm_flower.apps.audit_cli import audit
from dpm_flower.apps.audit_log_cli import audit_log
from dpm_flower.apps.ca_cli import ca
from dpm_flower.apps.doctor_cli import doctor
from dpm_flower.apps.exchange_cli import exchange
from dpm_flower.apps.identity_cli import identity
from dpm_flower.apps.release_cli import release
from dpm_flower.apps.retention_cli import retention
from dpm_flower.apps.roster_cli import roster
from dpm_flower.apps.site_cli import site

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Train on each other's images without showing them."
)

app.add_typer(identity, name="identity")
app.add_typer(ca, name="ca")
app.add_typer(roster, name="roster")
app.add_typer(release, name="release")
app.add_typer(audit_log, name="audit-log")
app.add_typer(exchange, name="exchange")
app.add_typer(retention, name="retention")
app.add_typer(site, name="site")
app.command()(doctor)
app.command()(audit)


@app.command()
def study(
    name: Annotated[
        str,
        typer.Argument(help='A study or a sweep: "simulations.demo", "package.module:NAME", or one variant, "package.module:NAME/label".'),
    ],
    data: Annotated[
        str,
        typer.Option(
            help="Data instead of the study's own: a file, a folder, or a known name; a list with commas for a sweep that asks for several."
        ),
    ] = "",
    seeds: Annotated[str, typer.Option(help="Seeds instead of the study's own, for example 0,1,2.")] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            help="Where to write; what was interrupted there goes on, and finished variants are not run again. Default: runs/<name>/<time>."
        ),
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="In this process, one entity after the other, without Flower's runtime.")
    ] = False,
    cpus_per_client: Annotated[int, typer.Option(min=1, help="CPUs reserved for each simulated client: fewer clients at once.")] = 1,
    exchange: Annotated[
        str,
        typer.Option(help='How releases travel between entities: "local" (folders) or "grpc" (an exchange process for each, on loopback).'),
    ] = "local",
) -> None:
    """Run a study (results.json, results.csv, report.html), a sweep's variants (and sweep.*) or a comparison (comparison.*)."""
    from dpm_flower.apps.study_command import run  # noqa: PLC0415  # torch and Flower take seconds to import

    raise typer.Exit(run(name, data, seeds, output, in_process=in_process, cpus_per_client=cpus_per_client, exchange=exchange))


@app.command()
def report(run_folder: Annotated[Path, typer.Argument(help="The folder of a finished run, or of a sweep.")]) -> None:
    """Show the table of a run or a sweep again and write its page anew (without pictures, which are the owners')."""
    from dpm_flower.apps.report_command import show  # noqa: PLC0415

    raise typer.Exit(show(run_folder))


def main() -> None:
    """Entry point. Studies of the folder that one stands in can be named, as with `python -m`."""
    sys.path.insert(0, str(Path.cwd()))
    app()


if __name__ == "__main__":
    main()
