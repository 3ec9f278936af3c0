"""A study for a deployment on one machine: two sites, one arm, networks that have hardly begun to learn."""

from dataclasses import replace

from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.partition import Shares
from tests.small_study import POISONING
from tests.small_study import STUDY as SMALL

STUDY = replace(
    SMALL,
    name="small-deployment",
    partition=Shares(entities=(("a", 0.05), ("b", 0.04)), public=0.1, validation=0.2),
    arms=(SharingArm(name="own + poisoned", method=POISONING),),
    quorum=1.0,
    phase_timeout_s=1200.0,  # every message starts a process that imports torch, on a machine that may have others to do
)
LINKED = replace(STUDY, attacks=(NearestFeatures(),))  # an attack that has nothing to learn
