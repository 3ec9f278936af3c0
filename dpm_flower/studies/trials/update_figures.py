"""What attackers make of one entity's model update, with the truth beside it: figures and pictures."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.attacks.guess_matching import in_order
from dpm_flower.attacks.headline import Anchored, headline
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.attacks.update_inversion import UpdateInversion
from dpm_flower.attacks.update_membership import UpdateMembership
from dpm_flower.attacks.updated_part import gradient_step, part_of
from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import MetricError, SettingError
from dpm_flower.core.labelled import Labelled, as_floats
from dpm_flower.core.protocols import AttackerView, Guess, NotApplicable
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.metrics.membership import membership
from dpm_flower.nets.public_nets import PublicNets


@dataclass(frozen=True, slots=True, eq=False)
class Inverted:
    """Figures of an inversion by key, and rows of images: the victims, the guesses, the floor's and the ceiling's."""

    figures: dict[str, float]
    pictures: dict[str, Tensor]


def inverted(
    attack: UpdateInversion, view: AttackerView, update: ModelUpdate, victims: Labelled, judge: PublicNets, ground: Ground
) -> Inverted:
    """An update of the victims' images alone, and these with their labels, which the attacker is told -> how near it comes.

    The floor is the mean image of each label's class among the attacker's own; the ceiling is the same attack on the gradient of each
    image by itself. `judge` are the networks whose featurizer scores. Without a figure "u1_disclosed" the attack was not shown able to
    succeed: the ceiling does not surely lie above the floor. Raises SettingError for a view without own images.
    """
    if view.own is None:
        raise SettingError("wanted a view with the attacker's own images, got one without")
    truth, labels = as_floats(victims.images), victims.labels
    guess = in_order(truth, attack.prepare(view, ground.stream("U1")).invert(update, labels))
    floor = in_order(truth, class_mean_guess(labels, view.own))
    ceiling = _alone(replace(attack, local_steps="gradient"), view, update, victims, ground)
    made = {"guesses": guess, "label alone": floor, "one image's gradient": ceiling}
    of_guess, of_floor, of_ceiling = (disclosure(truth, each, judge.featurizer, ground.compute) for each in made.values())
    scores = {"ssim": of_guess, "floor": of_floor, "ceiling": of_ceiling}
    figures = {f"u1_{name}": float(one.ssim.mean()) for name, one in scores.items()}
    try:
        found = headline({attack.name: Anchored(of_guess, of_floor, of_ceiling)}, ground.stream("U1 headline"))
        figures["u1_disclosed"] = found.mean.value
    except MetricError:
        pass  # there is no span to measure by, and no figure is what says so
    return Inverted(figures, {"victims": truth} | {name: each.images for name, each in made.items()})


def membership_figures(
    attack: UpdateMembership, view: AttackerView, update: ModelUpdate, candidates: Labelled, members_N: Tensor, ground: Ground
) -> dict[str, float]:
    """An update, and candidates of whom the scorer knows the members (N,) -> figures of membership by "u2_auc", "u2_tpr" and so on."""
    scores = attack.scores(view, update, candidates)
    if isinstance(scores, NotApplicable):
        raise SettingError(f"wanted something that {attack.name} applies to: {scores.reason}")
    told = membership(scores, members_N, ground.stream("U2"))
    return {f"u2_{name}": value for name, value in told.figures.items()}


def _alone(attack: UpdateInversion, view: AttackerView, update: ModelUpdate, victims: Labelled, ground: Ground) -> Guess:
    """The attack on the gradient of each victim alone, at the start of the update's round."""
    attacker, part = attack.prepare(view, ground.stream("U1")), part_of(view.net, update, ground.compute)
    guesses = []
    for number in range(len(victims)):
        one = victims.take(torch.tensor([number]))
        guesses.append(attacker.invert(gradient_step(part, one.images, one.labels, ground.compute), one.labels).images)
    return Guess(torch.cat(guesses))
