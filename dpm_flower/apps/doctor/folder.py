"""Whether the site's folder is closed to others, can be written, and has room for the releases of a campaign."""

import os
import shlex
import shutil
import stat
from pathlib import Path

from dpm_flower.apps.doctor.finding import Finding, skipped
from dpm_flower.apps.doctor.own import roster_of
from dpm_flower.apps.doctor.peers import peers_of
from dpm_flower.core.errors import DpmFlowerError
from dpm_flower.regime.site_file import SiteFile

FOLDER, ROOM = "site's folder", "disk space"


def folder_findings(site: SiteFile, now: int) -> list[Finding]:
    """A site -> who can get at its folder, and the room there."""
    there = site.folder
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    return [_access(site.folder, there), _room(site, there, now)]


def _access(folder: Path, there: Path) -> Finding:
    quoted = shlex.quote(str(folder))
    if not os.path.isdir(there):
        return Finding(FOLDER, "wrong", f"wanted a folder, got the file {there}", "name another `folder` in the site file")
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(FOLDER, "wrong", f"{there} cannot be written by user {os.geteuid()}", f"install -d -m 700 -o USER {quoted}")
    if there != folder:
        return Finding(FOLDER, "ok", f"{folder} is made when the site starts; {there} can be written")
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        return Finding(FOLDER, "wrong", f"{folder} has mode {mode:04o}, so that others get at what is in it", f"chmod 700 {quoted}")
    return Finding(FOLDER, "ok", f"{folder} can be written, and is closed to everybody else")


def _room(site: SiteFile, there: Path, now: int) -> Finding:
    try:
        count = 1 + len(peers_of(roster_of(site), site.entity, now))
        free = shutil.disk_usage(there).free
    except DpmFlowerError:
        return skipped(ROOM, "how many members send releases is not known without a roster", "roster")
    except OSError as err:
        return Finding(ROOM, "wrong", f"cannot ask for the room in {there}: {err.strerror}", "name another `folder` in the site file")
    each_mb = site.policy.max_release_mb
    needed = each_mb * 1e6 * count
    said = f"{free / 1e9:.1f} GB free in {there}; {count} members with a release of {each_mb:g} MB each take {needed / 1e9:.1f} GB"
    if free < needed:
        remedy = f"make room (df -h {shlex.quote(str(there))}), or write a lower max_release_mb in the site file's [policy]"
        return Finding(ROOM, "warning", said, remedy)
    return Finding(ROOM, "ok", said)
