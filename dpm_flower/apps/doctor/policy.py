"""Whether the site's policy lets anything happen at all: what it does not name is refused."""

import re

from dpm_flower.apps.doctor.finding import Finding
from dpm_flower.regime.site_file import SiteFile
from dpm_flower.regime.site_policy import HEADLINE

STUDIES, METHODS, BUNDLES = "policy's studies", "policy's methods", "policy's bundles"
_PLACE = re.compile(r"[\w.]+:\w+(/.*)?|simulations\..*")  # where a study is found, which is not what it is called


def policy_findings(site: SiteFile, now: int) -> list[Finding]:  # noqa: ARG001  # a policy has no dates
    """A site -> which studies, methods and bundles its policy names."""
    return [_studies(site.policy.studies), _methods(site), _bundles(site.policy.bundles)]


def _studies(names: tuple[str, ...]) -> Finding:
    remedy = 'write the names of the studies that may run in the site file\'s [policy], for example studies = ["demo"]'
    if not names:
        return Finding(STUDIES, "warning", "it names none, so that every study will be refused", remedy)
    if places := [name for name in names if _PLACE.fullmatch(name)]:
        found = f"{', '.join(places)}: a place where a study is found; studies are allowed by their own names, so that this allows none"
        return Finding(STUDIES, "warning", found, remedy)
    return Finding(STUDIES, "ok", ", ".join(names))


def _methods(site: SiteFile) -> Finding:
    names = ", ".join(site.policy.methods)
    if names and not any(score.startswith(HEADLINE) for score in site.policy.most):
        remedy = 'bound what attackers may get out of a release, for example most = { "headline_p" = 0.1, "headline_p_p95" = 0.25 }'
        return Finding(METHODS, "warning", f"{names}, whatever attackers got out of the release", remedy)
    if names:
        return Finding(METHODS, "ok", names)
    rest = "network updates only" if site.policy.network_updates else "nothing"
    remedy = 'write the methods that may be released in the site file\'s [policy], for example methods = ["deep-poisoning"]'
    return Finding(METHODS, "warning", f"it names none, so that every release will be refused, and {rest} may leave", remedy)


def _bundles(digests: tuple[str, ...]) -> Finding:
    if digests:
        return Finding(BUNDLES, "ok", f"{len(digests)} allowed, {', '.join(f'{digest[:12]}...' for digest in digests)}")
    remedy = (
        "write the digest of a copy of the app that you have read as bundles in the site file's [policy]: dpm-flower site bundle FOLDER"
    )
    return Finding(BUNDLES, "warning", "it names none, so that every task will be refused", remedy)
