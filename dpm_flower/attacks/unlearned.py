"""An attacker that found nothing to learn from: what it does with a release all the same."""

from dataclasses import dataclass
from typing import assert_never

from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import AttackResult, Guess, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages


@dataclass(frozen=True, slots=True)
class Unlearned:
    """An attacker without an inverse, and the reason why it has none."""

    reason: str

    def guess(self, release: SharedBatch) -> AttackResult:
        """Released images are their own guess; about anything else it has nothing to say."""
        match release:
            case SharedImages(images=images):
                return Guess(as_floats(images))
            case SharedFeatures() | ModelUpdate():
                return NotApplicable(self.reason)
        assert_never(release)
