"""What a release tells whom: raw and poisoned features, by two equivalences and with adversaries, against attackers who know more and more.

Run:    make study STUDY=simulations.attacks DATA=<cifar10_subset.npz>
Data:   10,000 training and 2,500 test images of CIFAR-10, 32 x 32, x_train, y_train, x_test, y_test in one .npz. a releases, b is the
        attacking peer: it owns as many images of the same ten classes; a fifth of the training images is public
Levels: A0 applies the public reconstructor, the paper's test; A1 trains another one; A2 runs the recipe on images of its own and
        learns to undo that; A3 also holds 100 leaked pairs; A4 may push its images through the module. All train their inverse as long
        as the public reconstructor is trained. L1 compares public features: which of 1,000 candidates made this release?
Reads:  of each attacker z → p. z is its ceiling: the same attack, had raw features been released. Nothing is gained by a defence
        whose p is low where z is low too
Claim:  the paper's, A0 sees next to nothing of p, holds; that nobody does, does not: a peer needs no more than the recipe
Note:   one seed compares attackers on the same release; whether another module leaks as much, other seeds say
"""

from dataclasses import replace

from dpm_flower.attacks.black_box import BlackBoxInversion
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.leaked_pairs import LeakedPairs
from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.other_reconstructor import OtherReconstructor
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.training.adversaries import Adversaries
from simulations.table1_2 import BASE

RECONSTRUCTING = Fitting(steps=600, learning_rate=3e-3, weight_decay=0.0)  # the public reconstructor and every attacker's
INVERSE = Inverse(fitting=RECONSTRUCTING)
SHADOW = Shadow(inverse=INVERSE)
METHODS = (
    ("raw features", RawFeatures()),
    ("DPM (labels, the paper's)", DeepPoisoning(equivalence="labels", weight=3.0)),
    ("DPM (activations)", DeepPoisoning(weight=3.0)),
    ("DPM (activations), adversaries", DeepPoisoning(weight=3.0, adversaries=Adversaries(count=2))),
)

STUDY = replace(
    BASE,
    name="attacks",
    partition=Shares(entities=(("a", 0.35), ("b", 0.35)), public=0.2, validation=0.1),
    lead="a",
    arms=tuple(SharingArm(name=name, method=method, senders=("a",), refine="none") for name, method in METHODS),
    attacks=(
        OtherReconstructor(kind="residual", fitting=RECONSTRUCTING),
        SHADOW,
        LeakedPairs(shadow=SHADOW),
        BlackBoxInversion(inverse=INVERSE),
        NearestFeatures(),
    ),
    pretrain=Fitting(steps=600, learning_rate=1e-2),
    reconstruct=RECONSTRUCTING,
    columns=("top1_release", "headline", "headline_p95", "windowed_ssim", "structure", "edge", "perceptual"),
)
