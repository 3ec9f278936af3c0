"""What fixed class centres are worth: cross-entropy against anchors, by two distances and two placings, on three data sets.

Run:    make study STUDY=simulations.anchors [DATA=<first.npz>,<second.npz>]
Data:   scikit-learn's handwritten digits, and those of the two archives that are given, brought to 32 x 32; for example
        tiny_imagenet20_64.npz (20 classes of photographs) and pneumoniamnist_balanced_28.npz (two classes of radiographs)
Claim:  compact, well separated classes make poisoned features of different entities easier to combine: with anchors the classes
        lie closer together for the distance between them (compactness, lower is better), and more of the gain is kept
Note:   norm and scale were chosen on validation images of the digits at 16 x 16, not on test images: the smallest norm and one of
        the smallest scales did best. All losses start from the same weights and take the same steps
Paper:  anchor-based nearest class mean loss (arXiv 1804.08087)
"""

from dataclasses import replace

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.classification import AnchorLoss, ClassificationLoss, CrossEntropy
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures

NORM, SCALE = 1.0, 8.0

LOSSES: tuple[tuple[str, ClassificationLoss], ...] = (
    ("cross-entropy", CrossEntropy()),
    ("euclidean-orthonormal", AnchorLoss(norm=NORM)),
    ("euclidean-simplex", AnchorLoss(norm=NORM, placing="simplex")),
    ("cosine-orthonormal", AnchorLoss(distance="cosine", scale=SCALE)),
    ("cosine-simplex", AnchorLoss(distance="cosine", scale=SCALE, placing="simplex")),
)

DIGITS = Study(
    name="anchors-digits",
    data="digits",
    side=32,
    partition=Shares(entities=(("a", 0.14), ("b", 0.12), ("c", 0.12)), public=0.3, validation=0.1),
    lead="a",
    backbone="resnet20",
    hook="conv3_1",
    arms=(
        SharingArm(name="own only", method=Nothing()),
        SharingArm(name="own + raw features", method=RawFeatures()),
        SharingArm(name="own + poisoned", method=DeepPoisoning()),
    ),
    seeds=(0, 1, 2),
    pretrain=Fitting(steps=120, batch_size=32, learning_rate=1e-2),
    reconstruct=Fitting(steps=150, batch_size=32, learning_rate=3e-3, weight_decay=0.0),
    refine=Fitting(steps=60, batch_size=32, learning_rate=3e-3),
    augment="shift",
)
GIVEN = replace(
    DIGITS,
    partition=Shares(entities=(("a", 0.4), ("b", 0.3), ("c", 0.3)), public=0.2, validation=0.1),
    pretrain=Fitting(steps=400, learning_rate=1e-2),
    reconstruct=Fitting(steps=300, learning_rate=3e-3, weight_decay=0.0),
    refine=Fitting(steps=150, learning_rate=5e-3),
)
DATA = (
    ("digits", DIGITS),
    ("first", replace(GIVEN, name="anchors-first", data="{0}", augment="shift-flip")),
    ("second", replace(GIVEN, name="anchors-second", data="{1}")),
)

SWEEP = Sweep(
    name="anchors",
    variants=tuple((f"{name}-{label}", replace(study, loss=loss)) for name, study in DATA for label, loss in LOSSES),
    columns=("top1", "compactness", "ssim", "top1_release", "gain_kept"),
    figure="compactness",
)
