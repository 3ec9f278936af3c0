"""What a release tells whom: six ways of releasing features against attackers who know more and more, as one table and one heat map.

Run:    make study STUDY=simulations.attacks DATA=<cifar10_subset.npz>; STUDY=simulations.attacks:FULL asks everybody
Data:   10,000 training and 2,500 test images of CIFAR-10, 32 x 32, x_train, y_train, x_test, y_test in one .npz. a releases, b is the
        attacking peer: it owns as many images of the same ten classes; a fifth of the training images is public
Levels: A0 applies the public reconstructor, the paper's test; A1 trains another one; A2 runs the recipe three times on images of its own
        and learns to undo that; A4 may push its images through the module. All train their inverse as long as the public reconstructor
        is trained, A2 for each of its modules. L1 compares public features: which of 1,000 candidates made this release?
Full:   all five reconstructors of the paper's sufficiency test; A2 without images of the task, and with modules of other depths; A3 with
        10, 100 and 1,000 leaked pairs; A4 without images of the task; A5, who aligns a module of its own with the release; A6, who
        changes images until their features fit; and L1 by standardised channels, and by a trained linker. In place of what is merely
        perturbed it has coded features as pictures, which on CIFAR-10, in one seed, told little for what they teach (simulations.rivals);
        of them there are no other depths, and who asks for such is A2 with one shadow
Usual:  STUDY=simulations.attacks:USUAL asks the usual audit about the paper's module, and A2 once more with 1,000 steps in place of 300:
        what more steps read, and what they take
Reads:  of each attacker z → p. z is its ceiling: the same attack, had raw features been released. Nothing is gained by a defence
        whose p is low where z is low too. The headline is the worst of A0 to A2 by any score; A4 stands beside it
Claim:  the paper's, A0 sees next to nothing of p, holds; that nobody does, does not: a peer needs no more than the recipe
Time:   202 minutes of processor time for three seeds (AVX2, float32), half of that on two free cores; .attacks:FULL some 100 minutes
        for one seed (bfloat16)
Found:  (:FULL, seed 0, means) the paper's module tells A0 -0.06, A2 0.67, ten leaked pairs 0.74 and who has it 0.85; two adversaries 0.14,
        0.33 and 0.64; coded features as pictures 0.15, 0.19 and 0.32, and A5, who knows no recipe, 0.18. A trained linker finds 98 % of
        the coded ones, distances 71 % behind two adversaries
"""

from dataclasses import replace

from dpm_flower.attacks.aligned import Aligned
from dpm_flower.attacks.black_box import BlackBoxInversion
from dpm_flower.attacks.default_audit import DEFAULT_AUDIT
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.leaked_pairs import LeakedPairs
from dpm_flower.attacks.linkage import Linkage
from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.nearest_standardised import NearestStandardised
from dpm_flower.attacks.optimised import Optimised
from dpm_flower.attacks.other_reconstructor import SUFFICIENCY, OtherReconstructor
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.hardened import CODED_PICTURES
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.sparse_features import SparseFeatures
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.perturbation import GaussianNoise
from simulations.table1_2 import BASE

RECONSTRUCTING = Fitting(steps=300, learning_rate=3e-3, weight_decay=0.0)  # the public reconstructor and every attacker's
INVERSE = Inverse(fitting=RECONSTRUCTING)
SHADOWS = Shadow(shadows=3, inverse=INVERSE)
POISONED = DeepPoisoning(weight=3.0, fitting=Fitting(steps=300, learning_rate=5e-3, weight_decay=0.0, max_epochs=24))
METHODS: dict[str, SharingMethod] = {
    "raw features": RawFeatures(),
    "noise 1": PerturbedFeatures(perturbation=GaussianNoise(sigma=1.0)),
    "strongest 10 %": SparseFeatures(share=0.1),
    "DPM (labels, the paper's)": replace(POISONED, equivalence="labels"),
    "DPM (activations)": POISONED,
    "DPM (activations), adversaries": replace(POISONED, weight=10.0, adversaries=Adversaries(count=2)),
}
FULL_METHODS: dict[str, SharingMethod] = {
    **{name: METHODS[name] for name in METHODS if name not in ("noise 1", "strongest 10 %")},
    "coded features, as pictures": CODED_PICTURES,
}
OTHER_DEPTHS = (replace(POISONED, blocks=2), replace(POISONED, blocks=6))


def arms(methods: dict[str, SharingMethod]) -> tuple[SharingArm, ...]:
    """Methods by name -> the arms in which a alone releases and nobody refines."""
    return tuple(SharingArm(name=name, method=method, senders=("a",), refine="none") for name, method in methods.items())


STUDY = replace(
    BASE,
    name="attacks",
    partition=Shares(entities=(("a", 0.35), ("b", 0.35)), public=0.2, validation=0.1),
    lead="a",
    arms=arms(METHODS),
    attacks=(OtherReconstructor(kind="residual", fitting=RECONSTRUCTING), SHADOWS, BlackBoxInversion(inverse=INVERSE), NearestFeatures()),
    seeds=(0, 1, 2),
    pretrain=Fitting(steps=500, learning_rate=1e-2),
    reconstruct=RECONSTRUCTING,
    columns=("top1_release", "headline", "headline_p95", "headline_p95_chance", "windowed_ssim", "structure", "edge", "perceptual"),
)

FULL = replace(
    STUDY,
    name="attacks-full",
    arms=arms(FULL_METHODS),
    attacks=(
        *(replace(one, fitting=RECONSTRUCTING) for one in SUFFICIENCY),
        SHADOWS,
        replace(SHADOWS, auxiliary="public"),
        replace(SHADOWS, shadows=1, variants=OTHER_DEPTHS),
        *(LeakedPairs(pairs=pairs, shadow=SHADOWS) for pairs in (10, 100, 1000)),
        BlackBoxInversion(inverse=INVERSE),
        BlackBoxInversion(inverse=INVERSE, auxiliary="public"),
        Aligned(aligning=Fitting(steps=300, learning_rate=2e-3, weight_decay=0.0), inverse=INVERSE),
        Optimised(images=128),
        NearestFeatures(),
        NearestStandardised(),
        Linkage(),
    ),
)

USUAL = replace(
    STUDY,
    name="attacks-usual",
    arms=arms({name: METHODS[name] for name in ("raw features", "DPM (labels, the paper's)")}),
    attacks=(*DEFAULT_AUDIT, Shadow(shadows=3)),
    seeds=(0,),
)
