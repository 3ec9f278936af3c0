"""`dpm-flower doctor`: a site file -> what is well with that site and what is not, before anything of it starts; nothing is changed."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import dpm_flower.exchange  # noqa: F401  # says which TLS gRPC may speak, before anybody imports it
from dpm_flower.apps.doctor.certificate import certificate_findings
from dpm_flower.apps.doctor.clock import clock_findings
from dpm_flower.apps.doctor.data import data_findings
from dpm_flower.apps.doctor.finding import Check, Finding
from dpm_flower.apps.doctor.folder import folder_findings
from dpm_flower.apps.doctor.identity import identity_findings
from dpm_flower.apps.doctor.peers import peer_findings
from dpm_flower.apps.doctor.policy import policy_findings
from dpm_flower.apps.doctor.ports import port_findings
from dpm_flower.apps.doctor.roster import roster_findings
from dpm_flower.apps.doctor.store import store_findings
from dpm_flower.apps.doctor.superlink import superlink_findings
from dpm_flower.apps.doctor.versions import version_findings
from dpm_flower.core.errors import SettingError
from dpm_flower.regime.site_file import read_site_file

SITE_FILE = "site file"
CHECKS: tuple[Check, ...] = (  # what the later ones need first; what asks others last, since it may take seconds
    version_findings,
    policy_findings,
    folder_findings,
    data_findings,
    identity_findings,
    certificate_findings,
    roster_findings,
    clock_findings,
    port_findings,
    store_findings,
    superlink_findings,
    peer_findings,
)


def doctor(path: Path, *, as_json: bool) -> int:
    """Prints what is found, a line for each check or all of it as JSON -> the exit code: 1 if anything is wrong; warnings are 0.

    To a store of objects, where the site has one, a small probe is written, and deleted again.
    """
    findings = []
    for finding in examined(path, int(time.time())):
        findings.append(finding)
        if not as_json:
            print(finding.line(), flush=True)
    counts = {mark: sum(one.mark == mark for one in findings) for mark in ("ok", "warning", "wrong", "skipped")}
    if as_json:
        print(json.dumps({"site": str(path), **counts, "findings": [asdict(one) for one in findings]}, indent=1))
    else:
        print(", ".join(f"{count} {mark}" for mark, count in counts.items()))
    return 1 if counts["wrong"] else 0


def examined(path: Path, now: int) -> Iterator[Finding]:
    """A site file and the time in seconds since 1970 UTC -> what each check finds, as it finds it."""
    try:
        site = read_site_file(path)
    except SettingError as err:
        yield Finding(SITE_FILE, "wrong", str(err), "mend it after the example in section 5 of certs/README.md")
        return
    yield Finding(SITE_FILE, "ok", f"{path} of {site.entity}")
    for check in CHECKS:
        yield from check(site, now)
