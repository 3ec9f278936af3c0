"""Every way of sharing in one table: what a receiver gains, what the worst attacker gets, what it costs to send and to make.

Run:    make study STUDY=simulations.rivals DATA=<cifar10_subset.npz>, or any .npz or folder of labelled images, with sex=… and the like
        as "?attributes=NAME,NAME" for the attackers who infer them
Data:   the lead pre-trains and receives; the victim releases; the attacking peer owns images of the same classes; as simulations.frontier
Rows:   features refine the lead's decider; images (raw, encrypted, made up) train a network of its own from scratch, beside what it
        comes to on its own images alone; federated averaging of the lead's and the victim's and the peer's networks sends no release
Beside: things in which rows differ by more than what is shared. A decider is refined for 300 steps after 500 of pre-training; a
        network of images has 500 in all, so that its row compares with "own images" and "raw images", and not with features.
        Encrypted images train the backbone, a convolutional network that is tested on clear ones; what
        the vision transformer that they are meant for learns of them is told by simulations.encrypted. Federated averaging has the
        peer's images besides, more than half as many again, and compares with the raw features of both, at the lead, who alone has them
Reads:  headline and its 95th percentile over everybody who has no more of the victim than its release: A0, A2 by one shadow, and of
        encrypted images who decrypts them. A release of made-up images is judged by the guess nearest to each own image, which no attacker
        could choose: it lies above 0 whatever was made up, and beside it stands what the peer's real images would come to. Model updates
        have no headline: see simulations.updates. Chance is what the same guesses come to for another image of the label. Whose image
        it was is asked twice, by features as they are and standardised by channel; a third linker says who is in what a label's releases
        span. That one, and the rows of drawn features and of matched poisoning, came after the runs that are told. Bytes and seconds are
        of a whole release: the sender's time is what it takes to make one, time that of who receives and trains. Features leave as
        numbers of 16 bits each, however few of them say something, or as pictures (AVIF): raw ones, coded ones, and those of two
        adversaries; see simulations.rate
Skin:   STUDY=simulations.rivals:SKIN "DATA=<skin_ham10000_melnv_64.npz>?attributes=sex&public=<cifar10_subset.npz>": two diagnoses,
        no lesion on two sides, and photographs of things as public images, all of them. A2 and who undoes mixing are asked a second
        time, as who learns from skin alone; principal components and the obfuscator are fitted to the public images all the same
Weaker: A2 has one shadow, where simulations.attacks has three: whoever trains a module by more of them may read more of it
Found:  (CIFAR-10, seed 0, bfloat16, 89 min elapsed) what keeps most at little disclosure are coded features as pictures, 71 % of the
        gain [55, 88] at a headline of 0.12 (chance 0.09), and the module with two adversaries, 49 % [29, 67], as pictures 68 %
        [50, 87], at 0.12 and 0.14. Of tiny_imagenet20_64 and of skin (:SKIN) the gain of raw features was not
        measurable; of skin made-up images keep 65 % [21, 126] of what raw images win in a network from scratch
Note:   not tuned for any row beyond what the studies of each say
"""

from dataclasses import replace

from dpm_flower.attacks.attribute_inference import AttributeInference
from dpm_flower.attacks.jigsaw import Jigsaw
from dpm_flower.attacks.spanned_release import SpannedRelease
from dpm_flower.attacks.super_resolution import SuperResolution
from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.methods.class_means import ClassMeanFeatures
from dpm_flower.methods.coded import Coded
from dpm_flower.methods.deep_obfuscator import DeepObfuscator
from dpm_flower.methods.fair_features import FairFeatures
from dpm_flower.methods.hardened import CODED_PICTURES, DRAWN_UNDER_NOISE, TWO_ADVERSARIES, TWO_ADVERSARIES_MATCHED
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.methods.projected_features import ProjectedFeatures
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.methods.sparse_features import SparseFeatures
from dpm_flower.methods.synthetic_images import SyntheticImages
from dpm_flower.training.perturbation import GaussianNoise
from simulations.encrypted import ATTACKING as DECRYPTING
from simulations.frontier import LINKING, POISONED, SHADOW
from simulations.frontier import STUDY as FRONTIER
from simulations.table4 import OBFUSCATED

OBFUSCATION = replace(  # the weights of simulations.table4, and as many cycles of its three turns as a module has steps
    OBFUSCATED.obfuscation, privacy=None, fitting=replace(OBFUSCATED.obfuscation.fitting, steps=1050)
)
FEATURES: dict[str, SharingMethod] = {
    "raw features": RawFeatures(),
    "raw features, as pictures": Coded(method=RawFeatures(), codec="avif-60"),
    "noise 1": PerturbedFeatures(perturbation=GaussianNoise(sigma=1.0)),
    "strongest 10 %": SparseFeatures(share=0.1),
    "64 components": ProjectedFeatures(dimensions=64),
    "class means": ClassMeanFeatures(),
    "drawn features, noise 1": DRAWN_UNDER_NOISE,
    "DeepObfuscator": DeepObfuscator(obfuscation=OBFUSCATION),
    "coded features, as pictures": CODED_PICTURES,
    "fair features": FairFeatures(),
    "DPM, labels (the paper's)": replace(POISONED, equivalence="labels"),
    "DPM, activations": POISONED,
    "DPM, 2 adversaries": TWO_ADVERSARIES,
    "DPM, 2 adversaries, matched": TWO_ADVERSARIES_MATCHED,
    "DPM, 2 adversaries, as pictures": Coded(method=TWO_ADVERSARIES, codec="avif-60"),
}
IMAGES: dict[str, SharingMethod] = {
    "raw images": RawImages(),
    "shuffled images": ShuffledImages(patch=8),
    "mixed images": MixedImages(patch=8),
    "synthetic images": SyntheticImages(),
}

STUDY = replace(
    FRONTIER,
    name="rivals",
    arms=(
        SharingArm(name="own", method=Nothing(), receivers=("lead",)),
        *(SharingArm(name=name, method=method, senders=("victim",), receivers=("lead",)) for name, method in FEATURES.items()),
        SharingArm(name="raw features, all", method=RawFeatures(), receivers=("lead",)),
        SharingArm(name="own images", method=Nothing(), refine="network", receivers=("lead",)),
        *(SharingArm(name=name, method=one, senders=("victim",), receivers=("lead",), refine="network") for name, one in IMAGES.items()),
        AveragingArm(name="FedAvg, network", part="network", rounds=5),
        AveragingArm(name="FedAvg, decider", part="decider", rounds=5),
    ),
    attacks=(
        *FRONTIER.attacks,
        Jigsaw(),
        SuperResolution(),
        DECRYPTING,
        *LINKING,
        SpannedRelease(),
        AttributeInference(),
    ),
    columns=(
        "top1",
        "gain_kept",
        "headline",
        "headline_p95",
        "headline_chance",
        "headline_p95_chance",
        "rank1",
        "rank1_standardised",
        "rank1_spanned",
        "attribute_auc",
        "attribute_auc_label",
        "top1_release",
        "bytes",
        "fetched",
        "sender_seconds",
        "seconds",
        "audit_seconds",
    ),
)

SKIN = replace(
    STUDY,
    name="rivals-skin",
    partition=replace(STUDY.partition, together="lesion_id", public=1.0),
    attacks=(*STUDY.attacks, replace(SHADOW, auxiliary="own"), SuperResolution(auxiliary="own")),
)
