"""Whether Python and the packages that are installed are within the ranges of this package's own metadata."""

import importlib.metadata
import platform
from collections.abc import Callable, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from dpm_flower.apps.doctor.finding import Finding
from dpm_flower.regime.site_file import SiteFile

VERSIONS, PACKAGE = "versions", "dpm-flower"
SHOWN = ("flwr", "torch", "grpcio", "cryptography")
INSTALL = f"install it anew, with what it asks for: pip install --upgrade {PACKAGE}"


def version_findings(site: SiteFile, now: int) -> list[Finding]:  # noqa: ARG001  # the same for every site
    """-> how this installation stands."""
    try:
        metadata, requires = importlib.metadata.metadata(PACKAGE), importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return [Finding(VERSIONS, "wrong", f"{PACKAGE} is not installed, so that nobody says what it needs", INSTALL)]
    wrong = outside((metadata.get_all("Requires-Python") or [""])[0], requires, platform.python_version(), version_of)
    if wrong:
        return [Finding(VERSIONS, "wrong", "; ".join(wrong), INSTALL)]
    shown = ", ".join(f"{name} {version_of(name)}" for name in (PACKAGE, *SHOWN))
    return [Finding(VERSIONS, "ok", f"Python {platform.python_version()}, {shown} and all else that it needs are within its ranges")]


def outside(python_range: str, requires: Sequence[str], python: str, version: Callable[[str], str | None]) -> list[str]:
    """What a package asks for, and what is there -> what is not as it asks, in words. What only its extras ask for is left out."""
    wrong = []
    if not SpecifierSet(python_range).contains(python, prereleases=True):
        wrong.append(f"wanted Python {python_range}, got {python}")
    for one in map(Requirement, requires):
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        came = version(one.name)
        if came is None or not one.specifier.contains(came, prereleases=True):
            wrong.append(f"wanted {one.name} {one.specifier}, got {came or 'none'}")
    return wrong


def version_of(name: str) -> str | None:
    """A package's name -> its version; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
