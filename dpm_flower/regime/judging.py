"""One attacker against a release and against raw features -> its scores between their anchors, and what the owner may look at."""

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.attacks.chance import exchanged
from dpm_flower.attacks.headline import Anchored, worst_images
from dpm_flower.attacks.nearest_released import nearest_released
from dpm_flower.attacks.scoring import Disclosure, disclosure
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Attack, Attacker, AttackerView, Guess, unlearnt
from dpm_flower.core.split_net import SplitNet
from dpm_flower.core.unpaired import is_unpaired
from dpm_flower.regime.attacker_views import Exposed, Surroundings, digest_of
from dpm_flower.regime.leak import Parted, parted, seen_whole
from dpm_flower.regime.raw_verdict import Verdict, judged_once
from dpm_flower.regime.task import EntityTask

LEAST_JUDGED = 2  # images, of which something is told by chance
WORST = 10  # images that an attacker came nearest to, for the owner to look at


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """One attacker's scores between their anchors, its first few guesses, and those of the images that it came nearest to.

    `unlearnt` says why it does what everybody can with the release, where it had nothing to learn from (see core/protocols.py). `chance`
    are the scores of its guesses, each held against another image of the same label; of what is made up and belongs to no
    single image, those of as many real images of the attacking peer's in its place. None for who counts in no headline, and where
    labels have one image each.
    """

    attack: Attack
    anchored: Anchored
    chance: Anchored | None
    unlearnt: str
    raw: Verdict
    released: Verdict
    worst: Tensor
    worst_originals: Tensor
    worst_guesses: Tensor
    seconds: float

    def pictures(self) -> dict[str, Tensor]:
        """What the owner may look at, by attack."""
        name = self.attack.name
        return {
            f"{name}.z": self.raw.shown,
            f"{name}.p": self.released.shown,
            f"{name}.worst.originals": self.worst_originals,
            f"{name}.worst.p": self.worst_guesses,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """What all attackers of one audit are judged with: `floor` are scores of who knows the labels only, `raw` gives the ceilings."""

    task: EntityTask
    net: SplitNet
    around: Surroundings
    exposed: Exposed
    raw: Exposed
    floor: Disclosure

    def judgement(self, attack: Attack) -> Judgement:
        """One attack on raw features, once for all methods, and on the release; of what is made up, the nearest guess is judged."""
        began = time.perf_counter()
        view, known = self._known_to(attack, self.raw)
        judged = "all" if known.judged is None else digest_of(known.judged)
        about = ("raw", repr(attack), self.around.digest, digest_of(self.task.train.images), judged, str(self.task.study.pictures))
        # in the own folder, whosever the attacker's is: the verdict is about own images
        of_raw = judged_once(
            self.around.folder_of("\x1f".join(about)),
            lambda: self._verdict(_guess(attack, self.around.prepare(attack, view), known), known),
        )
        view, known = self._known_to(attack, self.exposed)
        attacker = self.around.prepare(attack, view)
        guess = _guess(attack, attacker, known)
        guesses, unpaired = len(guess.images), is_unpaired(self.exposed.method)
        if unpaired:
            guess = nearest_released(known.images, guess)
        of_released = self._verdict(guess, known)
        floor = self.floor if known.judged is None else self.floor.only(known.judged)
        anchored = Anchored(of_released.disclosure, floor, of_raw.disclosure, known.judged)
        chance = None
        if not attack.level.sees_victim:
            chance = self._of_others(guesses, known, anchored) if unpaired else self._by_chance(guess, known, anchored)
        worst = worst_images(anchored, WORST)
        return Judgement(
            attack=attack,
            anchored=anchored,
            chance=chance,
            unlearnt=unlearnt(attacker),
            raw=of_raw,
            released=of_released,
            worst=worst if known.judged is None else known.judged.nonzero().flatten()[worst],
            worst_originals=as_floats(known.images[worst]),
            worst_guesses=guess.images[worst],
            seconds=time.perf_counter() - began,
        )

    def _known_to(self, attack: Attack, what: Exposed) -> tuple[AttackerView, Parted]:
        task = self.task
        known_to = seen_whole if is_unpaired(what.method) else parted
        known = known_to(attack, task.train.images, what.released, task.study.pictures, task.stream("leaked pairs"))
        return self.around.view(attack, what, known.leaked), known

    def _by_chance(self, guess: Guess, known: Parted, anchored: Anchored) -> Anchored | None:
        """The images whose label has another one, each with a guess of another; None where there are too few."""
        everybody = torch.arange(len(self.task.train)) if known.judged is None else known.judged.nonzero().flatten()
        dealt, others = exchanged(guess, self.task.train.labels[everybody])
        if len(others) < LEAST_JUDGED:
            return None
        scores = disclosure(as_floats(known.images), dealt, self.net.featurizer, self.task.compute)
        judged = torch.zeros(len(self.task.train), dtype=torch.bool).index_fill_(0, everybody[others], True)
        return Anchored(scores.only(others), anchored.floor.only(others), anchored.ceiling.only(others), judged)

    def _of_others(self, count: int, known: Parted, anchored: Anchored) -> Anchored:
        """What so many real images of the attacking peer's, or all that it has, would come to: some are near every own image as well."""
        nearest = nearest_released(known.images, Guess(as_floats(self.around.own.images[:count])))
        return replace(anchored, attack=self._verdict(nearest, known).disclosure)

    def _verdict(self, guess: Guess, known: Parted) -> Verdict:
        scores = disclosure(as_floats(known.images), guess, self.net.featurizer, self.task.compute)
        return Verdict(scores, guess.images[: self.task.study.pictures].clone())  # a view would keep all guesses


def _guess(attack: Attack, attacker: Attacker, known: Parted) -> Guess:
    result = attacker.guess(known.released)
    if not isinstance(result, Guess):
        raise ReleaseError(f"a release that {attack.name} does not apply to cannot be audited: {result.reason}")
    return result
