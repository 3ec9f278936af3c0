"""Deep Poisoning that is to move the decider's weights as raw features do, and not to say which image was whose."""

from dataclasses import dataclass

from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.training.release_terms import ReleaseTerms

BOTH = ReleaseTerms(gradients=1.0, linking=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedPoisoning(DeepPoisoning):
    """As `DeepPoisoning`, with two more `terms` in the module's loss. Source: an idea of our own, see training/release_terms.py."""

    terms: ReleaseTerms = BOTH
    name: str = "matched-poisoning"

    @property
    def release_terms(self) -> ReleaseTerms:
        """Those of the knobs."""
        return self.terms
