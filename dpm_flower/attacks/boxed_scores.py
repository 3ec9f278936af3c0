"""How near attackers' guesses come to images with boxes, between what boxes and labels tell and what raw features tell."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from dpm_flower.attacks.headline import Anchored
from dpm_flower.attacks.scoring import Disclosure, disclosure
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Guess

FLOOR = "floor"
CEILING = "ceiling"  # an inverse of raw features, asked about those
OWN_CEILING = "ceiling_A0"  # the public reconstructor on raw features


@dataclass(frozen=True, slots=True, eq=False)
class BoxedScores:
    """Of attackers and anchors by name their scores, and of attackers the same between their anchors, and which ceiling is whose."""

    scores: Mapping[str, Disclosure]
    anchored: Mapping[str, Anchored]
    ceilings: Mapping[str, str]


def boxed_scores(
    truth: Boxed, guesses: Mapping[str, Tensor], anchors: Mapping[str, Tensor], featurizer: nn.Module, compute: Compute
) -> BoxedScores:
    """Images, by attacker its guesses (N,3,H,W), those of "floor", "ceiling" and "ceiling_A0", the public featurizer -> their scores.

    The ceiling of "A0" is its own. Source: SPEC.md, section 8.
    """
    images = as_floats(truth.images)
    scores = {who: disclosure(images, Guess(guess), featurizer, compute) for who, guess in (*guesses.items(), *anchors.items())}
    ceilings = {who: OWN_CEILING if who == "A0" else CEILING for who in guesses}
    anchored = {who: Anchored(scores[who], scores[FLOOR], scores[ceiling]) for who, ceiling in ceilings.items()}
    return BoxedScores(scores, anchored, ceilings)
