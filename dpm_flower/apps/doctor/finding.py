"""What one check of a site came to: a line for people, values for monitoring."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dpm_flower.payload.moments import moment
from dpm_flower.regime.site_file import SiteFile

DAY_S = 86_400
SOON_S = 14 * DAY_S  # what ends within two weeks is to be renewed now: others have to sign it

Mark: TypeAlias = Literal["ok", "warning", "wrong", "skipped"]  # skipped: cannot be looked at before something else is mended


@dataclass(frozen=True, slots=True)
class Finding:
    """Which check, how it stands, what was found and, unless that is well, what to do about it: a command where there is one."""

    check: str
    mark: Mark
    found: str
    remedy: str = ""

    def line(self) -> str:
        """-> one line, whatever line ends the words of others bring along."""
        remedy = f" -> {self.remedy}" if self.remedy else ""
        return f"{self.mark:8} {' '.join(f'{self.check}: {self.found}{remedy}'.split())}"


Check: TypeAlias = Callable[[SiteFile, int], list[Finding]]  # a site, and the time in seconds since 1970 UTC


def skipped(check: str, because: str, first: str) -> Finding:
    """A check that cannot be made, why, and the check that has to be mended first -> its finding."""
    return Finding(check, "skipped", f"not checked: {because}", f"mend first what is said of {first}")


def lasting(check: str, what: str, until: int, now: int, remedy: str) -> Finding:
    """Something that ends at a moment -> wrong once it has ended, a warning when it soon will, else well."""
    left_s = until - now
    if left_s <= 0:
        return Finding(check, "wrong", f"{what} ended at {moment(until)}", remedy)
    found = f"{what} holds until {moment(until)}, {left_s // DAY_S} days from now"
    return Finding(check, "warning", found, remedy) if left_s < SOON_S else Finding(check, "ok", found)
