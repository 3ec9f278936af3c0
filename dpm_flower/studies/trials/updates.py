"""Federated averaging and releases under the attacks that both have to stand: inversion, and membership of the sender's images."""

from dataclasses import dataclass, replace

import torch

from dpm_flower.attacks.membership import Decide, LikelihoodRatio, Refine
from dpm_flower.attacks.shadow_deciders import ShadowDeciders
from dpm_flower.attacks.update_inversion import UpdateInversion
from dpm_flower.attacks.update_membership import UpdateMembership
from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.comparison import Figures, Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.study import Study
from dpm_flower.regime.audit import audit
from dpm_flower.regime.averaging import average_locally
from dpm_flower.regime.round import Round
from dpm_flower.regime.site import Site
from dpm_flower.regime.task import EntityTask
from dpm_flower.studies.trials.averaged_rounds import nets_with, rounds
from dpm_flower.studies.trials.decider_figures import answers, decider_figures
from dpm_flower.studies.trials.exposed_release import exposed_by, refined_on
from dpm_flower.studies.trials.regime_scene import Scene, scene_of
from dpm_flower.studies.trials.update_figures import inverted, membership_figures

INVERSION, IN_UPDATE, IN_DECIDER = UpdateInversion(), UpdateMembership(), LikelihoodRatio()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which attackers are asked, and about how many images: `victims` are inverted, `members` are told from `others`."""

    inversion: UpdateInversion = INVERSION
    in_update: UpdateMembership = IN_UPDATE
    in_decider: LikelihoodRatio = IN_DECIDER
    victims: int = 8
    members: int = 500
    others: int = 500

    def __post_init__(self) -> None:
        if not 2 <= self.victims <= self.inversion.images:
            raise SettingError(f"victims must be 2 to {self.inversion.images}, got {self.victims}")


USUAL = Asked()


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragingTrial:
    """What the sender's update of one round of federated averaging tells.

    U1 is asked about the update that the sender would have sent had it the victims alone, the worst case of a small entity; U2 about
    the one that it sent. The last round's row has membership in what the rounds came to, whose shadows are whole averagings.
    """

    name: str
    study: Study
    arm: AveragingArm
    round: int
    asked: Asked = USUAL

    def __post_init__(self) -> None:
        if not 1 <= self.round <= self.arm.rounds:
            raise SettingError(f"round must lie from 1 to {self.arm.rounds}, got {self.round}")

    def run(self, ground: Ground) -> Found:
        """The rounds up to this one, then the attacks on it."""
        scene, asked, arm = scene_of(ground, self.study), self.asked, self.arm
        state = rounds((scene.receiver, scene.sender), scene.nets, arm, self.round - 1)
        view = scene.view(ground, nets_with(scene.nets, arm, state))
        few = replace(scene.sender, train=scene.sender.train.take(torch.arange(asked.victims)))
        of_few, of_all = (
            average_locally(task, scene.nets, arm, state, arm.proximal_mu, Round(self.round, arm.rounds)) for task in (few, scene.sender)
        )
        images = inverted(asked.inversion, view, of_few, few.train, scene.nets, ground)
        candidates, members = scene.candidates(ground, asked.members, asked.others)
        figures = images.figures | membership_figures(asked.in_update, view, of_all, candidates, members, ground)
        if self.round == arm.rounds:
            refined = self._averaged(scene, ground, scene.receiver, scene.sender)
            refine = self._refine(scene, ground)
            figures |= decider_figures(asked.in_decider, refined, refine, candidates, members, scene.sender.test, ground)
        return Found(figures, images.pictures)

    def _averaged(self, scene: Scene, ground: Ground, *tasks: EntityTask) -> Decide:
        """What all rounds of these entities come to."""
        return answers(nets_with(scene.nets, self.arm, rounds(tasks, scene.nets, self.arm, self.arm.rounds)), ground)

    def _refine(self, scene: Scene, ground: Ground) -> Refine:
        """The attacker's own averaging, with its own images in the receiver's place."""
        receiver, sender = (replace(task, site=Site(ground.folder / "shadows" / task.entity)) for task in (scene.receiver, scene.sender))

        def refined(sent: Labelled, rng: torch.Generator) -> Decide:
            seed = int(torch.randint(2**62, (1,), generator=rng))
            return self._averaged(scene, ground, replace(receiver, train=scene.own, seed=seed), replace(sender, train=sent, seed=seed))

        return refined


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTrial:
    """What the sender's release tells the study's attackers, and what the receiver's decider, refined on it, tells of who was in it."""

    name: str
    study: Study
    method: SharingMethod
    asked: Asked = USUAL

    def run(self, ground: Ground) -> Found:
        """The release, its audit, the refined decider, and membership in that."""
        scene, asked = scene_of(ground, self.study), self.asked
        exposed = exposed_by(self.method, scene)
        figures = dict(audit(scene.sender, scene.nets, exposed, scene.sender.features(scene.nets)).headline)
        refined = answers(refined_on(exposed, scene, replace(scene.receiver, site=Site(ground.folder / "receiver"))), ground)
        shadows = ShadowDeciders(scene.view(ground, recipe=self.method), self.study.refine)
        candidates, members = scene.candidates(ground, asked.members, asked.others)
        test = scene.sender.test
        return Found(figures | decider_figures(asked.in_decider, refined, shadows.refined, candidates, members, test, ground))


def not_applicable(figures: Figures) -> tuple[str, ...]:
    """All figures -> why some rows have none of U1 and U2."""
    names = sorted({trial for (trial, _), own in figures.items() if not any(key.startswith(("u1_", "u2_")) for key in own)})
    if not names:
        return ()
    return (f"U1 and U2 do not apply to {', '.join(names)}: a release holds no model update, and its own audit judges it (A2) instead.",)
