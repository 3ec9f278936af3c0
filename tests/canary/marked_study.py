"""Studies whose data is marked: entity "a" leads and holds the marked images, "b" holds others. One study is clean, one leaks."""

from dataclasses import replace

from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import ByColumn, Dealt
from dpm_flower.core.study import Study
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from tests.canary.leaks import PixelsAmongFeatures, RawFeaturesAsPoisoned, RawImagesAsPoisoned

MARKED, OTHER = "a", "b"
SIDE = 12
CLASSES, PUBLIC_CLASS = 4, 3
COLUMN = "site"

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)
POISONING = DeepPoisoning(blocks=1, fitting=FEW)

STUDY = Study(
    name="canary",
    data="{0}",
    side=SIDE,
    partition=Dealt(names=(MARKED, OTHER), deal=ByColumn(column=COLUMN), public_classes=(PUBLIC_CLASS,), validation=0.2),
    arms=(
        SharingArm(name="own + poisoned", method=POISONING),
        SharingArm(name="shared decider", method=POISONING, refine="shared", rounds=2),
        AveragingArm(name="FedAvg", rounds=1),
    ),
    seeds=(0,),
    lead=MARKED,  # whose weights go to everybody
    precision="float32",  # in which the markers are made: bytes of unknown form are found only if they are the same
    pretrain=FEW,
    reconstruct=FEW,
    refine=FEW,
    quorum=1.0,
    phase_timeout_s=120.0,
    pictures=3,
)


ONE_ARM = replace(STUDY, arms=STUDY.arms[:1])

LEAKY = replace(
    STUDY,
    name="canary-leaky",
    arms=(
        SharingArm(name="raw features", method=RawFeaturesAsPoisoned()),
        SharingArm(name="pixels among features", method=PixelsAmongFeatures()),
        SharingArm(name="raw images", method=RawImagesAsPoisoned(), refine="network"),
        SharingArm(name="own + poisoned", method=POISONING),
    ),
    quorum=0.5,
)
