"""Federated averaging judged as hard as a release: its updates inverted, and members told by updates and by what was trained.

Run:    dpm-flower study simulations.updates --data <cifar10_subset.npz>
Data:   10,000 training and 2,500 test images of CIFAR-10, x_train, y_train, x_test, y_test in one .npz, here at 16 x 16 pixels. The
        receiver a has 1,215 images and pre-trains, the sender b 486; the attacking peer owns 729 of the same ten classes
Shows:  U1 - SSIM of images inverted from the update that the sender would send had it 6 images alone (labels known, one local step),
        beside the label's class mean (floor) and the same attack on one image's gradient (ceiling); the disclosed fraction between both.
        U2 - who was in the sender's update, of its images and as many held-out ones. L3 - the same asked of what came out: the
        receiver's refined decider, or the averaged network, beside shadows made by the same recipe. A2 - the headline of a release
Claim:  none of a paper's: neither averaging nor a release is safe for not being judged
Settings: local training walks once through the own images in each of 4 rounds, without augmentation, which hides. Images at 16 pixels
        and few steps keep a seed short; nothing is tuned
Found:  (seed 0) members are told by updates with an AUC of 0.59 to 0.66, by a decider refined on raw features with 0.88, on those of
        modules that keep activations with 0.64 to 0.70, of the paper's not from chance (0.48); U1 was not shown able here
Note:   U1 is no bound: without a ceiling that lies surely above the floor there is no disclosed fraction, and the attack was not shown
        able to succeed. L3 has few shadows, and 500 members tell true-positive rates at 1 % to about a point
"""

from dataclasses import replace

from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.membership import LikelihoodRatio
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.attacks.update_inversion import UpdateInversion
from dpm_flower.core.arms import Averaged, AveragingArm, SharingArm
from dpm_flower.core.comparison import ComparedFigure, Comparison, Trial
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.study import Study
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.studies.trials.updates import Asked, AveragingTrial, ReleaseTrial, not_applicable
from dpm_flower.training.adversaries import Adversaries

ROUNDS = 4
RECONSTRUCTING = Fitting(steps=200, learning_rate=3e-3, weight_decay=0.0)
POISONED = DeepPoisoning(weight=3.0, blocks=2, fitting=Fitting(steps=80, learning_rate=5e-3, weight_decay=0.0))
METHODS: dict[str, SharingMethod] = {
    "own + raw features": RawFeatures(),
    "own + poisoned (paper's)": replace(POISONED, equivalence="labels"),
    "own + poisoned (activations)": POISONED,
    "2 adversaries": replace(POISONED, adversaries=Adversaries(count=2)),
}
SCENE = Study(
    name="updates",
    data="cifar10_subset.npz",
    side=16,
    partition=Shares(entities=(("a", 0.15), ("b", 0.06), ("peer", 0.09)), public=0.1, validation=0.1),
    arms=(SharingArm(name="own + raw features", method=RawFeatures()),),
    attacks=(Shadow(inverse=Inverse(fitting=RECONSTRUCTING)),),
    seeds=(0,),
    pretrain=Fitting(steps=400, learning_rate=1e-2),
    reconstruct=RECONSTRUCTING,
    refine=Fitting(steps=100, learning_rate=2e-3),
)
ASKED = Asked(inversion=UpdateInversion(steps=200), in_decider=LikelihoodRatio(shadows=6), victims=6)


def averaging(part: Averaged) -> tuple[Trial, ...]:
    """The rows of what is averaged: the whole network or the decider, first round and last."""
    arm = AveragingArm(name=f"FedAvg, {part}", part=part, rounds=ROUNDS, local_epochs=1)
    rounds = {"first": 1, "last": ROUNDS}
    return tuple(
        AveragingTrial(name=f"{arm.name}, {which} round", study=SCENE, arm=arm, round=number, asked=ASKED)
        for which, number in rounds.items()
    )


COMPARISON = Comparison(
    name="updates",
    trials=(
        *averaging("network"),
        *averaging("decider"),
        *(ReleaseTrial(name=name, study=SCENE, method=method, asked=ASKED) for name, method in METHODS.items()),
    ),
    columns=(
        ComparedFigure(key="top1", head="top-1", unit="%", scale=100, digits=1),
        ComparedFigure(key="u1_ssim", head="U1 SSIM"),
        ComparedFigure(key="u1_floor", head="label alone"),
        ComparedFigure(key="u1_ceiling", head="one image's gradient"),
        ComparedFigure(key="u1_disclosed", head="U1 disclosed"),
        ComparedFigure(key="u2_auc", head="U2 AUC"),
        ComparedFigure(key="u2_tpr", head="U2 TPR at 1 % FPR", unit="%", scale=100, digits=1),
        ComparedFigure(key="l3_auc", head="L3 AUC"),
        ComparedFigure(key="l3_tpr", head="L3 TPR at 1 % FPR", unit="%", scale=100, digits=1),
        ComparedFigure(key="headline_p", head="A2 headline"),
    ),
    data="cifar10_subset.npz",
    seeds=(0,),
    conclude=not_applicable,
)
