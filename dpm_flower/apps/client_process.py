"""One message's client app, started by the launcher: the submitted bundle is hashed, and the installed package answers.

Flower's own `flwr-clientapp` unpacks the bundle, puts it first on the path and imports the app from it, so that whoever submits a run
would bring the code that sees a site's images. Here its three steps that touch the bundle are replaced: it is compared with the digests
that the site allows, nothing of it is written or imported, and the app is the one of the installed package. That is imported in these
steps, torch with it, and no sooner: Flower takes a process for dead that gives no sign of life within 30 s of its start, and starts
another one beside it.

Run by its path as Flower's command would be: ``client_process.py --site SITE.TOML --runtime-api-address …``.
"""

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import dpm_flower.exchange  # noqa: F401  # first: says which TLS gRPC may speak, before Flower imports it

# isort: split
from flwr.supernode.cli.flwr_clientapp import flwr_clientapp
from flwr.supernode.runtime import run_clientapp

from dpm_flower.apps.bundle import check_bundle

UNREADABLE = "this site's file cannot be read; see its own launcher.log"
REPLACED = ("install_from_fab", "get_project_dir", "get_load_client_app_fn")


def main(arguments: list[str]) -> None:
    """``--site SITE.TOML``, then the arguments of `flwr-clientapp`."""
    site, rest = Path(arguments[1]), arguments[2:]
    allow_only(lambda: allowed_by(site))
    sys.argv = ["flwr-clientapp", *rest]
    flwr_clientapp()


def allowed_by(site: Path) -> tuple[str, ...]:
    """A site file -> the digests of the bundles that it allows. Raises SettingError, without a word of what the file says.

    Flower sends the words of what is raised here to the SuperLink, and logs them on this machine together with their cause.
    """
    from dpm_flower.core.errors import SettingError  # noqa: PLC0415  # see above
    from dpm_flower.regime.site_file import read_site_file  # noqa: PLC0415  # see above

    try:
        return read_site_file(site).policy.bundles
    except SettingError as err:
        raise SettingError(UNREADABLE) from err


def allow_only(allowed: Callable[[], Collection[str]]) -> None:
    """From now on this process's client app is the installed one, and only for a bundle of one of these digests.

    Raises AttributeError where Flower has no such steps any more: better no client app than one that trusts the bundle.
    """

    def check(content: bytes, **_: Any) -> None:
        check_bundle(content, allowed())

    def load(*_: Any) -> Any:
        from dpm_flower.apps.client import app  # noqa: PLC0415  # see above

        return app

    def installed(**_: Any) -> Any:
        return load

    steps = {"install_from_fab": check, "get_project_dir": lambda *_: Path(), "get_load_client_app_fn": installed}
    for name in REPLACED:
        getattr(run_clientapp, name)
        setattr(run_clientapp, name, steps[name])


if __name__ == "__main__":
    main(sys.argv[1:])
