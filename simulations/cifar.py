"""What Deep Poisoning is worth on photographs: three equivalences, before they face stronger attackers than A0.

Run:    make study STUDY=simulations.cifar DATA=<cifar10_subset.npz>
Data:   10,000 training and 2,500 test images of CIFAR-10, 32 x 32, x_train, y_train, x_test, y_test in one .npz
"""

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures

STUDY = Study(
    name="cifar",
    data="cifar10_subset.npz",
    side=32,
    partition=Shares(entities=(("a", 0.31), ("b", 0.31), ("c", 0.31), ("d", 0.07)), public=0.2, validation=0.1),
    backbone="resnet20",
    hook="conv3_1",
    arms=(
        SharingArm(name="own only", method=Nothing()),
        SharingArm(name="own + raw features", method=RawFeatures()),
        SharingArm(name="own + poisoned (labels)", method=DeepPoisoning(equivalence="labels")),
        SharingArm(name="own + poisoned (response)", method=DeepPoisoning(equivalence="response")),
        SharingArm(name="own + poisoned (activations)", method=DeepPoisoning()),
    ),
    seeds=(0,),
    pretrain=Fitting(steps=800, learning_rate=1e-2),
    reconstruct=Fitting(steps=1000, learning_rate=3e-3, weight_decay=0.0),
    refine=Fitting(steps=300, learning_rate=5e-3),
    augment="shift-flip",
    lead_threads=2,
)
