"""The small study, in which the first process that fits the private module is killed in the middle of it, once."""

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.protocols import Preparation, Sharer
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from tests.small_study import POISONING
from tests.small_study import STUDY as SMALL

MARKER = "DPM_FLOWER_TEST_KILLED"  # names the file that the killed process leaves; not set: nobody is killed


@dataclass(frozen=True, slots=True, repr=False)
class KilledOnce:
    """Another method, whose name, settings and random streams it has, and which so gives the same figures."""

    method: DeepPoisoning

    @property
    def name(self) -> str:
        return self.method.name

    def __repr__(self) -> str:
        return repr(self.method)

    def prepare(self, preparation: Preparation) -> Sharer | None:
        if marker := os.environ.get(MARKER):
            try:
                with Path(marker).open("x") as file:
                    file.write(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            except FileExistsError:
                pass
        return self.method.prepare(preparation)


STUDY = replace(
    SMALL,
    arms=tuple(
        replace(arm, method=KilledOnce(POISONING)) if isinstance(arm, SharingArm) and arm.method == POISONING else arm for arm in SMALL.arms
    ),
)
