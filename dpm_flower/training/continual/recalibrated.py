"""Learning over days with batch norms that go by the public images, and not by what the last day happened to be of."""

from dataclasses import dataclass, replace

from dpm_flower.training.continual.learner import Beginning, Learner, Learning


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibrated:
    """As `learning`, but after each training the batch norms of what was trained take their statistics from the public images.

    No label of these is looked at, and no gradient comes from them. See training/recalibration.py.
    """

    learning: Learning

    def start(self, beginning: Beginning) -> Learner:
        """What `learning` starts, from the same networks."""
        return self.learning.start(replace(beginning, recalibrates=True))
