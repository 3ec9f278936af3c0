"""Linkage attacks against a release and against raw features: how often the image that a release was made of is found in a gallery."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from dpm_flower.attacks.gallery import Gallery, gallery_of
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import LinkageAttack, Linker, NotApplicable, TellsMembers, unlearnt
from dpm_flower.core.unpaired import is_unpaired
from dpm_flower.metrics.ranking import Ranking, ranking, wilson
from dpm_flower.regime.attacker_views import Exposed, Surroundings
from dpm_flower.regime.task import EntityTask


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLeak:
    """One linkage attack: shares of the victims for whom their own image comes first, and mean average precisions, among `candidates`.

    What comes first is the candidate most like what was released for the victim; or where the question is who are `members`, the victim
    among itself and the candidates that are none, each by the most that anything in the release is like it: of what is made up, and for
    an attack that says no more. `chance` is what who knows nothing gets, `label` who knows the labels only, `raw` the same attack had raw
    features been released; `low` and `high` are the 95 % interval of `release`, by Wilson's score. `unlearnt` says why the attack had
    nothing to learn from, where it had not: then it looked for what is nearest in the release, as everybody can.
    """

    name: str
    knows: str
    candidates: int
    victims: int
    chance: float
    label: float
    release: float
    low: float
    high: float
    raw: float
    map_label: float
    map_release: float
    map_raw: float
    members: bool = False
    unlearnt: str = ""
    seconds: float

    @property
    def figures(self) -> Mapping[str, float]:
        """As the other figures of an audit: "rank1_z", "rank1_p", "map_z", "map_p"; and what they stand beside."""
        return {
            "rank1_z": self.raw,
            "rank1_p": self.release,
            "rank1_p_low": self.low,
            "rank1_p_high": self.high,
            "map_z": self.map_raw,
            "map_p": self.map_release,
            "rank1_label": self.label,
            "map_label": self.map_label,
            "rank1_chance": self.chance,
        }


def gallery_for(task: EntityTask) -> Gallery:
    """The candidates: released images among own ones that are not released, then test images; none that the attacker owns.

    Raises DataError where there are none of the released classes.
    """
    others = (task.test,) if task.peer is None else (task.validation, task.test)  # without a peer's, the attacker owns the former
    return gallery_of(task.train, others, task.stream("gallery"))


def linked(attack: LinkageAttack, around: Surroundings, gallery: Gallery, exposed: Exposed, raw: Exposed) -> LinkLeak:
    """One attack, the candidates, the release and raw features -> what came of it.

    Of an unpaired release, in which nothing is any victim's own, and for an attack that says no more, it is how often a victim stands
    out among candidates that are none.
    Raises ReleaseError where the attack has nothing to say about the release.
    """
    began = time.perf_counter()
    members = is_unpaired(exposed.method) or isinstance(attack, TellsMembers)
    of_raw = _ranked(attack, around.linker(attack, raw), gallery, raw, members=members)
    linker = around.linker(attack, exposed)
    of_released = _ranked(attack, linker, gallery, exposed, members=members)
    found = link_leak(attack.name, attack.level, _told_by_label(gallery, members=members), of_released, of_raw, began)
    return replace(found, members=members, unlearnt=unlearnt(linker))


def link_leak(name: str, level: Level, told: Ranking, of_released: Ranking, of_raw: Ranking, began: float) -> LinkLeak:
    """Where the victims' own images come for who knows the labels only, and by the release and by raw features -> what is said of it.

    `began` is when the attack did, by `time.perf_counter`.
    """
    share, victims = float(of_released.rank1.mean()), len(of_released.rank1)
    low, high = wilson(share, victims)
    return LinkLeak(
        name=name,
        knows=level.value,
        candidates=of_released.candidates,
        victims=victims,
        chance=told.rank1_by_chance,
        label=float(told.rank1.mean()),
        release=share,
        low=low,
        high=high,
        raw=float(of_raw.rank1.mean()),
        map_label=float(told.average_precision.mean()),
        map_release=float(of_released.average_precision.mean()),
        map_raw=float(of_raw.average_precision.mean()),
        seconds=time.perf_counter() - began,
    )


def _told_by_label(gallery: Gallery, *, members: bool) -> Ranking:
    if not members:
        return gallery.told_by_label()
    others = len(gallery) - len(gallery.victims)  # of the victims' classes: labels of what is made up tell none of them from a victim
    return ranking(torch.zeros(len(gallery.victims), others + 1), torch.zeros(len(gallery.victims), dtype=torch.int64))


def _ranked(attack: LinkageAttack, linker: Linker, gallery: Gallery, what: Exposed, *, members: bool) -> Ranking:
    scores = linker.link(what.released, gallery.images)
    found = gallery.stood_out(scores) if members else gallery.ranked(scores)
    if isinstance(found, NotApplicable):
        raise ReleaseError(f"a release that {attack.name} does not apply to cannot be audited: {found.reason}")
    return found
