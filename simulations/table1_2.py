"""What a module costs the decider and what it hides, by backbone: the paper's tables of equivalence and disparity.

Run:    make study STUDY=simulations.table1_2 DATA=<cifar10_subset.npz>
Data:   10,000 training and 2,500 test images of CIFAR-10, 32 x 32, x_train, y_train, x_test, y_test in one .npz
Shows:  for each backbone, of the lead's release: top-1 and top-5 of the decider as received, and L1 and SSIM of the public
        reconstructor, on raw features (z) and on poisoned ones (p); under the paper's equivalence (labels) and under ours
Claim:  the paper's: whatever the backbone, p costs the decider half a point and leaves the reconstructor nothing
Paper:  ImageNet, 500 classes (Deep Poisoning, arXiv 1912.06895, section 4), z -> p
        ResNet50   top-1 79.39 -> 78.88, top-5 94.18 -> 94.11, L1 .0443 -> .2928, SSIM .6730 -> .0070
        ResNet101  top-1 81.13 -> 80.78, top-5 95.03 -> 94.86, L1 .0406 -> .2886, SSIM .7009 -> .0069
Note:   the backbones are those that two CPU cores can train on small images; simulations/imagenet.py has the paper's own. All
        ten classes are the private task, since top-5 of five classes says nothing; the public images are others of the same classes
Settings: the modules' weight and steps are the best of 0.3, 1 and 3 and of 350 and 700, by the decider's top-1 and by what the public
        reconstructor sees, on CIFAR-10 images of validation, with ResNet-20 cut at conv2_3
"""

from dataclasses import replace

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from dpm_flower.methods.deep_poisoning import DeepPoisoning

POISONED = DeepPoisoning(weight=3.0, fitting=Fitting(steps=700, learning_rate=5e-3, weight_decay=0.0, max_epochs=24))
COLUMNS = ("top1_release", "top5_release", "l1", "ssim", "windowed_ssim")

BASE = Study(
    name="table1_2",
    data="cifar10_subset.npz",
    side=32,
    partition=Shares(entities=(("a", 0.5),), public=0.2, validation=0.1),
    arms=(
        SharingArm(name="DPM (labels, the paper's)", method=replace(POISONED, equivalence="labels"), refine="none"),
        SharingArm(name="DPM (activations)", method=POISONED, refine="none"),
    ),
    seeds=(0,),
    pretrain=Fitting(steps=800, learning_rate=1e-2),
    reconstruct=Fitting(steps=1000, learning_rate=3e-3, weight_decay=0.0),
    augment="shift-flip",
    quorum=1.0,
    columns=COLUMNS,
)

HOOKS = (("resnet20", "conv3_1"), ("resnet32", "conv3_1"), ("vgg11_bn-small", "features.7"))  # about the middle of each

SWEEP = Sweep(
    name="table1_2",
    variants=tuple((backbone, replace(BASE, name=f"table1_2-{backbone}", backbone=backbone, hook=hook)) for backbone, hook in HOOKS),
    columns=COLUMNS,
    figure="top1_release",
)
