"""What a release tells of the people in it beside their class: attributes that nobody asked to share, by defence.

Run:    make study STUDY=simulations.attributes DATA=<celeba_subset_64.npz>
Data:   faces with attributes, brought to 32 x 32: x_train, x_test, attr_train, attr_test (N,A) of 0 and 1, attr_names and identity_train,
        identity_test in one .npz; nobody is in two entities' images. The class is Smiling. "celeba:FOLDER" has the same in the files
        of its publishers. STUDY=simulations.attributes:SKIN takes moles with the columns sex and localization instead (melanoma or not)
Levels: A0 applies the public reconstructor; L2 runs the recipe on images of its own, whose attributes it knows, and learns to read them
Reads:  attribute AUC z → p: 0.5 is nothing, 1 is everything; z is the attack's ceiling, had raw features been released. "Of the label"
        is the floor: what the class alone tells, among the attacker's images. Each attribute's figures are in results.csv, L2.NAME.auc_p
Claim:  none of a paper's. We expected a module that is trained against reconstruction alone to leave the attributes where they are
Found:  (faces, seed 0, 25 minutes of one core) it does not: mean AUC 0.90 from raw features, 0.83 and 0.65 behind noise of 1 and 3, 0.66
        from the module trained on activations, 0.56 with two adversaries and 0.53 from the paper's, where the label alone tells 0.54
Note:   one seed; the interval (L2.auc_p_low, L2.auc_p_high in results.csv) is over images, and another module may tell more or less
"""

from dataclasses import replace

from dpm_flower.attacks.attribute_inference import AttributeInference
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.perturbation import GaussianNoise
from simulations.table1_2 import BASE

POISONED = DeepPoisoning(weight=3.0, fitting=Fitting(steps=350, learning_rate=5e-3, weight_decay=0.0, max_epochs=24))
METHODS: dict[str, SharingMethod] = {
    "raw features": RawFeatures(),
    "noise 1": PerturbedFeatures(perturbation=GaussianNoise(sigma=1.0)),
    "noise 3": PerturbedFeatures(perturbation=GaussianNoise(sigma=3.0)),
    "DPM, labels (the paper's)": replace(POISONED, equivalence="labels"),
    "DPM, activations": POISONED,
    "DPM, 2 adversaries": replace(POISONED, adversaries=Adversaries(count=2)),
}

STUDY = replace(
    BASE,
    name="attributes",
    data="{0}?label=Smiling&attributes=Male,Young,Eyeglasses,Wearing_Lipstick,Blond_Hair,Bald",
    partition=Shares(entities=(("victim", 0.4), ("peer", 0.4)), public=0.2, validation=0.1, together="identity"),
    lead="victim",
    arms=tuple(SharingArm(name=name, method=method, senders=("victim",), refine="none") for name, method in METHODS.items()),
    attacks=(AttributeInference(),),
    pretrain=Fitting(steps=400, learning_rate=1e-2),
    reconstruct=Fitting(steps=300, learning_rate=3e-3, weight_decay=0.0),
    columns=("top1_release", "attribute_auc", "attribute_auc_label", "attribute_map", "ssim", "windowed_ssim"),
)

SKIN = replace(
    STUDY,
    name="attributes-skin",
    data="{0}?attributes=sex,localization",
    partition=Shares(entities=(("victim", 0.4), ("peer", 0.4)), public=0.2, validation=0.1, together="lesion_id"),
)
