"""The paper's situation on handwritten digits: entities a, b, c, a small one d, and a disjoint public set.

Run:    make demo
Time:   under 6 minutes on 2 cores
Data:   scikit-learn's handwritten digits (1,797 scans), enlarged to 32 x 32; each entity gets few, so that sharing matters
Claim:  an entity that refines its decider on its peers' poisoned features answers better than one that stays alone, and the
        public reconstructor makes nothing of what was shared (it is the weakest attacker; SPEC of the attackers: section 8)
"""

from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages

POISONING = Fitting(steps=80, batch_size=32, learning_rate=5e-3, weight_decay=0.0)

STUDY = Study(
    name="demo",
    data="digits",
    side=32,
    partition=Shares(entities=(("a", 0.14), ("b", 0.12), ("c", 0.12), ("d", 0.03)), public=0.3, validation=0.1),
    backbone="resnet20",
    hook="conv3_1",
    arms=(
        SharingArm(name="own only", method=Nothing()),
        SharingArm(name="own + raw features", method=RawFeatures()),
        SharingArm(name="own + poisoned (labels)", method=DeepPoisoning(equivalence="labels", fitting=POISONING)),
        SharingArm(name="own + poisoned (activations)", method=DeepPoisoning(fitting=POISONING)),
        SharingArm(name="shared decider", method=DeepPoisoning(fitting=POISONING), refine="shared", rounds=3),
        SharingArm(name="all raw images", method=RawImages(), refine="network", receivers=("a",)),
        AveragingArm(name="FedAvg", rounds=4),
    ),
    seeds=(0, 1, 2),
    pretrain=Fitting(steps=120, batch_size=32, learning_rate=1e-2),
    reconstruct=Fitting(steps=150, batch_size=32, learning_rate=3e-3, weight_decay=0.0),
    refine=Fitting(steps=60, batch_size=32, learning_rate=3e-3),
    augment="shift",
)
