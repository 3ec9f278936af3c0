"""What a site works with on its days: its section of the site file, its folders, what it learns, its keys and its limits."""

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import GoneError, OutputError, ReleaseError, SettingError, ShapeError, TrainingError
from dpm_flower.core.progress import Progress, Report
from dpm_flower.data.retention.layout import DERIVED
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.exchange.pool import Pool
from dpm_flower.regime.day_learning import DayLearning, N
from dpm_flower.regime.day_task import DayTask
from dpm_flower.regime.days_folder import Days, DaysFolder, OpenDay
from dpm_flower.regime.inbox_place import LEAST_RESERVE_S, InboxPlace
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_policy import SitePolicy
from dpm_flower.regime.site_secret import site_secret


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DailyWork(Generic[N]):
    """One site's means. `report` is called while something is trained, and may raise to end it; `secret_of` says what a day's module
    is drawn from, which lies in the folder that goes with the day's images.
    """

    place: InboxPlace
    entity: str
    folder: DaysFolder
    store: RetentionStore
    learning: DayLearning[N]
    notary: Notary
    policy: SitePolicy
    compute: Compute
    report: Report
    secret_of: Callable[[Path], str] = site_secret

    @property
    def pool(self) -> Pool:
        """The kept releases."""
        return Pool(self.folder.kept, site=self.entity)

    def begin(self) -> Days:
        """-> how far the days are; the first begins now where there was none.

        Raises PolicyError for a policy by which nothing could ever be kept, SettingError for other classes, networks or sizes than the days
        began with, and for a backbone or a hook that cannot be.
        """
        self.learning.check(self.policy)
        before = self.folder.read()
        days = before or Days(ended_at=self.store.now(), classes=self.place.classes)
        if days.classes != self.place.classes:
            began = ", ".join(days.classes)
            raise SettingError(f"wanted the classes that the days began with, {began}, in that order, got {', '.join(self.place.classes)}")
        if days.size not in ((), self.place.size):
            raise SettingError(f"wanted images of the size that the days began with, {_shown(days.size)}, got {_shown(self.place.size)}")
        if (nets := self.nets()) is None:
            self.learning.check_networks()
        digest = nets.digest() if nets is not None else ""
        if days.networks not in ("", digest):
            raise SettingError(f"these are other networks than the days in {self.folder.folder} began with: name those, or another folder")
        days = replace(days, networks=digest, size=self.place.size)
        return days if days == before else self.folder.write(days)

    def nets(self) -> N | None:
        """The frozen public networks; None before they are trained. Raises SettingError for a file of others or a damaged one."""
        path = self.place.networks or self.folder.networks
        try:
            return self.learning.opened(path, path.stat().st_mtime_ns, self.compute)
        except FileNotFoundError as err:
            if self.place.networks is None:
                return None
            raise SettingError(f"cannot read the networks {path}: there are none") from err
        except (OSError, SafetensorError, ReleaseError, ShapeError) as err:
            raise SettingError(f"cannot read the networks {path}: {err}") from err

    def decider(self, days: Days, nets: N) -> nn.Module:
        """A copy of the decider in force: the last one that a day refined, or that of the networks. Raises TrainingError."""
        decider = copy.deepcopy(nets.decider)
        if days.decider:
            try:
                decider.load_state_dict(load_file(self.folder.decider(days.decider)))
            except (OSError, SafetensorError, RuntimeError) as err:
                raise TrainingError(f"cannot read the decider {self.folder.decider(days.decider)}: {err}") from err
        return decider

    def derived(self, day: OpenDay) -> Path:
        """The folder for all that is made of a day's images, which goes with the first of them."""
        return self.store.folder / DERIVED / day.derived

    def task(self, number: int, day: OpenDay) -> DayTask:
        """A day's number and the open day -> its task, all of whose files lie where they go with the images.

        Raises GoneError where the time of one of these is over, or nearly.
        """
        self._check_time(day)
        derived = self.derived(day)
        try:
            secret = self.secret_of(derived / "secret")
        except OutputError:
            self._check_time(day)  # the folder went
            raise

        def report(progress: Progress) -> None:
            self.report(progress)
            self._check_time(day)

        return DayTask(
            entity=self.entity,
            campaign=campaign_of(number),
            number=number,
            classes=len(self.place.classes),
            store=self.store,
            items=day.items,
            site=Site(derived, self.folder.kept),
            notary=self.notary,
            policy=self.policy,
            compute=self.compute,
            report=report,
            check_time=functools.partial(self._check_time, day),
            secret=secret,
        )

    def _check_time(self, day: OpenDay) -> None:
        if self.store.now() >= day.gone_at - LEAST_RESERVE_S:
            raise GoneError("the images' time was over before the work on them was done")


def campaign_of(number: int) -> str:
    """A day's number -> the campaign that its release is one of."""
    return f"inbox-{number:06d}"


def _shown(size: Sequence[int]) -> str:
    height, width = size
    return f"{width} x {height}"
