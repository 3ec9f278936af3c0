"""What a site works with on its days: its section of the site file, its folders, its images that stay, its keys and its limits."""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from dpm_flower.attacks.default_audit import DEFAULT_AUDIT
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import GoneError, OutputError, ReleaseError, SettingError, ShapeError, TrainingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.partition import Shares
from dpm_flower.core.progress import Progress, Report
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.split_net import Decider
from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.data.retention.layout import DERIVED
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.audit import ALWAYS_ASKED
from dpm_flower.regime.days_folder import Days, DaysFolder, OpenDay
from dpm_flower.regime.inbox_images import StayingImages, days_images
from dpm_flower.regime.inbox_place import LEAST_RESERVE_S, InboxPlace
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_policy import SitePolicy
from dpm_flower.regime.site_secret import site_secret
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.continual.learner import DAILY


def inbox_study(place: InboxPlace, entity: str) -> Study:
    """A section of the site file -> what is done with a day's images, as a study of one entity: poisoned features, judged as usual."""
    threads = torch.get_num_threads()
    return Study(
        name="inbox",
        partition=Shares(entities=((entity, 1.0),)),
        arms=(SharingArm(name="kept", method=DeepPoisoning()),),
        attacks=DEFAULT_AUDIT,
        side=place.side,
        backbone=place.backbone,
        hook=place.hook,
        refine=DAILY,
        threads=threads,
        lead_threads=threads,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DailyWork:
    """One site's means. `report` is called while something is trained, and may raise to end it; `secret_of` says what a day's module
    is drawn from, which lies in the folder that goes with the day's images.
    """

    place: InboxPlace
    folder: DaysFolder
    store: RetentionStore
    study: Study
    images: StayingImages
    notary: Notary
    policy: SitePolicy
    compute: Compute
    report: Report
    secret_of: Callable[[Path], str] = site_secret

    @property
    def entity(self) -> str:
        """The site's name."""
        return self.study.partition.names[0]

    @property
    def method(self) -> SharingMethod:
        """What is kept of images instead of these."""
        return self.study.methods[0]

    @property
    def pool(self) -> Pool:
        """The kept releases."""
        return Pool(self.folder.kept, site=self.entity)

    def begin(self) -> Days:
        """-> how far the days are; the first begins now where there was none.

        Raises PolicyError for a policy by which nothing could ever be kept, SettingError for other classes or networks than the days
        began with, and for a backbone or a hook that cannot be.
        """
        self.policy.check_method(self.method.name)
        self.policy.check_audit((ALWAYS_ASKED.name, *(attack.name for attack in self.study.attacks)))
        before = self.folder.read()
        days = before or Days(ended_at=self.store.now(), classes=self.place.classes)
        if days.classes != self.place.classes:
            began = ", ".join(days.classes)
            raise SettingError(f"wanted the classes that the days began with, {began}, in that order, got {', '.join(self.place.classes)}")
        if (nets := self.nets()) is None:
            _assembled(self.study, len(self.place.classes))  # rather than when the warm-up is over
        digest = nets.digest() if nets is not None else ""
        if days.networks not in ("", digest):
            raise SettingError(f"these are other networks than the days in {self.folder.folder} began with: name those, or another folder")
        days = replace(days, networks=digest)
        return days if days == before else self.folder.write(days)

    def nets(self) -> PublicNets | None:
        """The frozen public networks; None before they are trained. Raises SettingError for a file of others or a damaged one."""
        path = self.place.networks or self.folder.networks
        try:
            return _opened(path, path.stat().st_mtime_ns, self.study, len(self.place.classes), self.compute)
        except FileNotFoundError as err:
            if self.place.networks is None:
                return None
            raise SettingError(f"cannot read the networks {path}: there are none") from err
        except (OSError, SafetensorError, ReleaseError, ShapeError) as err:
            raise SettingError(f"cannot read the networks {path}: {err}") from err

    def decider(self, days: Days, nets: PublicNets) -> Decider:
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

    def days_images(self, day: OpenDay) -> Labelled:
        """The images of a day. Raises GoneError where one of them is over, or nearly."""
        self._check_time(day)
        return days_images(self.store, day.items, self.place.classes, self.study.side, self.derived(day))

    def task(self, number: int, day: OpenDay, train: Labelled) -> EntityTask:
        """A day's number and its images -> the entity's task, all of whose files lie where they go with the images."""
        derived = self.derived(day)
        secret = derived / "secret"
        try:
            value = self.secret_of(secret)
        except OutputError:
            self._check_time(day)  # the folder went
            raise

        def report(progress: Progress) -> None:
            self.report(progress)
            self._check_time(day)

        return EntityTask(
            study=self.study,
            seed=0,
            campaign=campaign_of(number),
            entity=self.entity,
            train=train,
            validation=self.images.own,
            public=self.images.public,
            test=self.images.held_out,
            judged_apart=True,
            site=Site(derived, self.folder.kept),
            compute=self.compute,
            report=report,
            secret=value,
            policy=self.policy,
            check_time=functools.partial(self._check_time, day),
        )

    def _check_time(self, day: OpenDay) -> None:
        if self.store.now() >= day.gone_at - LEAST_RESERVE_S:
            raise GoneError("the images' time was over before the work on them was done")


@functools.lru_cache(maxsize=1)  # tracing and cutting a backbone costs a quarter of a second, and each step of a day needs it
def _opened(path: Path, changed_ns: int, study: Study, classes: int, compute: Compute) -> PublicNets:
    """`changed_ns` is part of the key, so that another file under the same name is another network."""
    del changed_ns
    nets = _assembled(study, classes)
    nets.load(load_file(path))
    nets = nets.frozen()
    for network in (nets.featurizer, nets.decider, nets.reconstructor):
        compute.place_module(network)
    return nets


def _assembled(study: Study, classes: int) -> PublicNets:
    return PublicNets.assemble(study.backbone, study.hook, study.side, classes, stream(0, "overwritten at once"))


def campaign_of(number: int) -> str:
    """A day's number -> the campaign that its release is one of."""
    return f"inbox-{number:06d}"
