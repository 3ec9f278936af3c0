"""Two variants of the smallest study that there is, and one that asks for a path."""

from dataclasses import replace

from dpm_flower.core.sweep import Sweep
from tests.small_study import STUDY as SMALL

TINY = replace(SMALL, name="tiny", arms=SMALL.arms[:1] + SMALL.arms[2:3])
SWEEP = Sweep(name="small-sweep", variants=(("one", TINY), ("two", replace(TINY, side=13))))
WITH_PATHS = Sweep(
    name="with-paths", variants=(("digits", TINY), ("first", replace(TINY, data="{0}")), ("second", replace(TINY, data="{1}")))
)
