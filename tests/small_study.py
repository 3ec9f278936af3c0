"""A study that takes seconds: every kind of arm, networks that have hardly begun to learn."""

from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)
POISONING = DeepPoisoning(blocks=1, fitting=FEW)

STUDY = Study(
    name="small",
    data="digits",
    side=12,
    partition=Shares(entities=(("a", 0.05), ("b", 0.04), ("c", 0.03)), public=0.1, validation=0.2),
    arms=(
        SharingArm(name="own only", method=Nothing()),
        SharingArm(name="own + raw features", method=RawFeatures()),
        SharingArm(name="own + poisoned", method=POISONING),
        SharingArm(name="shared decider", method=POISONING, refine="shared", rounds=2),
        SharingArm(name="all raw images", method=RawImages(), refine="network", receivers=("a",)),
        AveragingArm(name="FedAvg", rounds=2),
        AveragingArm(name="FedProx", rounds=1, proximal_mu=0.1),
    ),
    seeds=(0,),
    pretrain=FEW,
    reconstruct=FEW,
    refine=FEW,
    phase_timeout_s=120.0,
    pictures=3,
)
