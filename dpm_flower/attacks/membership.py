"""L3: whether a refined decider has seen an image, by how it answers beside deciders that have and deciders that have not."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled, Labels
from dpm_flower.core.level import Level
from dpm_flower.core.secret_streams import child_stream

Decide: TypeAlias = Callable[[Tensor], Tensor]  # images (N,C,H,W) -> logits (N,K)
Refine: TypeAlias = Callable[[Labelled, torch.Generator], Decide]  # what a sender may have had -> what would have been refined on it

LEAST_SHADOWS = 4  # two that have seen an image and two that have not: one has no spread
USUAL_SHADOWS = 16
FAINTEST = 1e-3  # of a deviation, in logits: deciders that all answer alike tell nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRatio:
    """The attacker knows the recipe, so that it can refine `shadows` deciders as the receiver did, each on a random half of the candidates.

    For every candidate that gives answers of deciders that have seen it and of as many that have not; the score is how much likelier
    the asked decider's answer is under the first ones' normal distribution than under the others' (the online attack). Means are each
    candidate's own, the two variances are common to all candidates, as published for few shadows. Raises SettingError for an odd
    number of shadows and for fewer than 4. Source: SPEC.md, section 8, L3; Carlini et al., arXiv 2112.03570, algorithm 1.
    """

    shadows: int = USUAL_SHADOWS

    def __post_init__(self) -> None:
        if self.shadows < LEAST_SHADOWS or self.shadows % 2:
            raise SettingError(f"shadows must be an even number of at least {LEAST_SHADOWS}, got {self.shadows}")

    @property
    def name(self) -> str:
        """The level, and what differs from the usual setting: "L3", "L3.x8"."""
        return self.level.name if self.shadows == USUAL_SHADOWS else f"{self.level.name}.x{self.shadows}"

    @property
    def level(self) -> Level:
        """It has the refined decider, and knows how it was made."""
        return Level.L3

    def scores(self, refined: Decide, refine: Refine, candidates: Labelled, rng: torch.Generator) -> Tensor:
        """A refined decider, how one is refined, and N candidates with labels -> scores (N,), float64, higher = rather a member.

        Raises SettingError for fewer than 4 candidates.
        """
        if len(candidates) < LEAST_SHADOWS:
            raise SettingError(f"wanted at least {LEAST_SHADOWS} candidates, got {len(candidates)}")
        inside_SN = halves(len(candidates), self.shadows, rng)
        answers = []
        for inside_N in inside_SN:
            shadow = refine(candidates.take(inside_N.nonzero().flatten()), child_stream(rng))
            answers.append(confidences(shadow(candidates.images), candidates.labels))
        return likelihood_ratios(confidences(refined(candidates.images), candidates.labels), torch.stack(answers), inside_SN)


def halves(candidates: int, shadows: int, rng: torch.Generator) -> Tensor:
    """Which candidates each shadow is refined on (S,N) bool: every candidate on exactly half of them."""
    return torch.rand(candidates, shadows, generator=rng).argsort(1).argsort(1).lt(shadows // 2).T


def confidences(logits_NK: Tensor, labels_N: Labels) -> Tensor:
    """Logits (N,K) and labels (N,) -> the log-odds of each right answer (N,), float64, which are about normal.

    log(p / (1 - p)), taken from the logits so that a p near 1 keeps its digits. Source: Carlini et al., section 5.1.
    """
    logits = logits_NK.double()
    right_N1 = labels_N.unsqueeze(1)
    others = logits.scatter(1, right_N1, -torch.inf).logsumexp(1)
    return logits.gather(1, right_N1).squeeze(1) - others


def likelihood_ratios(asked_N: Tensor, shadows_SN: Tensor, inside_SN: Tensor) -> Tensor:
    """One decider's answers (N,), those of S shadows and which of these had seen the candidate, (S,N) each -> log-ratios (N,)."""
    with_N, without_N = (_log_likelihood(asked_N, shadows_SN, which_SN) for which_SN in (inside_SN, ~inside_SN))
    return with_N - without_N


def _log_likelihood(asked_N: Tensor, answers_SN: Tensor, which_SN: Tensor) -> Tensor:
    """Under normal distributions with each candidate's mean of these answers, and the variance within candidates that all share."""
    counts_N = which_SN.sum(0)
    means_N = answers_SN.where(which_SN, 0.0).sum(0) / counts_N
    squares = (answers_SN - means_N).square().where(which_SN, 0.0).sum()
    variance = float(squares / (counts_N - 1).sum()) + FAINTEST**2
    return -(asked_N - means_N).square() / (2 * variance) - math.log(variance) / 2
