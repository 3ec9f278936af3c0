"""Whether a site's keys are closed to others, all there, those on its card, and this entity's."""

import os
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dpm_flower.apps.doctor.finding import Finding, skipped
from dpm_flower.apps.doctor.own import identity_of
from dpm_flower.core.errors import OutputError, SettingError
from dpm_flower.payload.identity import PRIVATE_NAMES
from dpm_flower.payload.key_files import check_closed_folder, read_closed
from dpm_flower.payload.passphrase import passphrase_lock
from dpm_flower.regime.site_file import SiteFile

FILES, PASSPHRASE, KEYS = "key files", "passphrase", "identity"


def identity_findings(site: SiteFile, now: int) -> list[Finding]:  # noqa: ARG001  # keys have no dates
    """A site -> who can get at its key files, whether the passphrase that it states is to be had, and whose keys they are."""
    files, passphrase = _files(site.identity.folder, site.entity), _passphrase(site.identity.passphrase_credential)
    unfit = next((one for one in (files, passphrase) if one.mark == "wrong"), None)
    return [files, passphrase, _keys(site) if unfit is None else skipped(KEYS, "the keys were not opened", unfit.check)]


def _files(folder: Path, entity: str) -> Finding:
    if not os.path.isdir(folder):  # unlike pathlib's, False where it cannot be looked at
        create = f"dpm-flower identity create {entity} --endpoint HOST:PORT --folder {shlex.quote(str(folder))}"
        return Finding(FILES, "wrong", f"no folder with keys at {folder}", f"{create}, or name the folder that has them in the site file")
    there = [folder / name for name in PRIVATE_NAMES if os.path.lexists(folder / name)]  # which are wanted, the card says: see `_keys`
    refused = _refusals(folder, there)
    if not refused:
        return Finding(FILES, "ok", f"{folder} and its {len(there)} key files are closed to everybody else")
    quoted = shlex.quote(str(folder))
    return Finding(
        FILES, "wrong", "; ".join(refused), f"chmod 700 {quoted} && chmod 600 {quoted}/*.key, as the owner that the site runs as"
    )


def _refusals(folder: Path, files: list[Path]) -> list[str]:
    looks: list[Callable[[], object]] = [partial(check_closed_folder, folder), *(partial(read_closed, path) for path in files)]
    refused = []
    for look in looks:
        try:
            look()
        except OutputError as err:
            refused.append(str(err))
    return refused


def _passphrase(credential: str) -> Finding:
    if not credential:
        return Finding(PASSPHRASE, "ok", "the site file states none, so the keys have to be without one")
    try:
        passphrase_lock(None, credential)
    except SettingError as err:
        load = f"systemd-run --pipe --property=LoadCredential={credential}:FILE dpm-flower doctor --site SITE.TOML"
        return Finding(PASSPHRASE, "wrong", str(err), f"run this where the site will run, in its systemd service or by {load}")
    return Finding(PASSPHRASE, "ok", f"the credential {credential} can be read")


def _keys(site: SiteFile) -> Finding:
    folder = shlex.quote(str(site.identity.folder))
    try:
        identity = identity_of(site)
    except SettingError as err:
        remedy = f"state in the site file's [identity] the passphrase_credential that {folder} was locked with, or none if it was not"
        return Finding(KEYS, "wrong", str(err), remedy)
    except OutputError as err:
        remedy = (
            f"put back all of {folder} from its backup, or make new keys: dpm-flower identity create {site.entity} --endpoint HOST:PORT"
        )
        return Finding(KEYS, "wrong", str(err), f"{remedy}, which the coordinators put on the roster: dpm-flower roster rotate CARD")
    if identity.name != site.entity:
        remedy = "name the folder of this entity's keys in the site file's [identity], or their entity as `entity`"
        return Finding(KEYS, "wrong", f"wanted the keys of {site.entity}, got those of {identity.name}", remedy)
    return Finding(KEYS, "ok", f"all keys of {identity.name} are there, and those on its card")
