"""The paper's sufficiency test: do reconstructors that a module was never trained against see more than the one that it was?

Run:    make study STUDY=simulations.sufficiency [DATA=<images.npz>]
Time:   3 min of one core's time
Data:   scikit-learn's handwritten digits (1,797 scans), enlarged to 32 x 32, unless DATA names others
Asks:   whether five other reconstructors, trained on the public images as the public one was, come nearer to the images behind a
        poisoned release than that one. Each must see them in raw features (z), or its failure at shared ones (p) proves nothing.
        The table and results.csv have SSIM, its stricter kind by windows, L1 and PSNR; report.html has the pictures (figure 5)
Found:  (digits, seed 0) they do see more. The public reconstructor ends at an SSIM of 0.01 and a structure of 0.14; the five, who see
        raw features as well as it does, at an SSIM of 0.11 to 0.17 and a structure of 0.19 to 0.39. The paper's test does not come
        out here as it does there: a module hides images from the reconstructor that it was trained against first of all
"""

from dataclasses import replace

from dpm_flower.attacks.other_reconstructor import SUFFICIENCY
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.raw_features import RawFeatures

RECONSTRUCTING = Fitting(steps=300, batch_size=32, learning_rate=3e-3, weight_decay=0.0)  # the same for all six

STUDY = Study(
    name="sufficiency",
    data="digits",
    side=32,
    partition=Shares(entities=(("a", 0.6),), public=0.4, validation=0.1),
    backbone="resnet20",
    hook="conv3_1",
    arms=(
        SharingArm(name="raw features", method=RawFeatures(), refine="none"),
        SharingArm(name="poisoned", method=DeepPoisoning(), refine="none"),
    ),
    attacks=tuple(replace(attack, fitting=RECONSTRUCTING) for attack in SUFFICIENCY),
    seeds=(0,),
    pretrain=Fitting(steps=200, batch_size=32, learning_rate=1e-2),
    reconstruct=RECONSTRUCTING,
    augment="shift",
    quorum=1.0,
    columns=("top1", "trivial", "l1", "ssim", "windowed_ssim", "top1_release", "seconds"),
)
