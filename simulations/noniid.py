"""Entities whose images are not alike: each class dealt out in proportions from Dir(alpha), from alpha = 0.1 (very unlike) to IID.

Run:    make study STUDY=simulations.noniid DATA=<folder with train/CLASS/IMAGE and test/CLASS/IMAGE of CIFAR-10>
Data:   half of the classes are the private task, as in simulations.table5; four entities together hold as much as there
Own:    "own", by which every gain is measured, is the better of the decider as received and the one refined on own data on an
        entity's own validation images, which are as skewed as its training images; the test images are not. Where alpha is small
        it may choose what is worse on the test images, so that gains are then too large: look at both rows
Arms:   Deep Poisoning with a decider for each entity and with one for all; FedAvg and FedProx of the whole network and of the
        decider, from the lead's weights with the same gradient steps; own data only, and raw features, for reference
Test:   common to all entities and of all classes: an entity that has few classes must learn the others from its peers
Settings: those of simulations.table5, with the rate and the steps of refinement that were chosen there, for entities of one mix
Claim:  the less alike the entities, the more sharing features gains over averaging weights; untested until it has run
"""

from dataclasses import replace

from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.partition import Deal, Dealt, Dirichlet, Iid
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from simulations.table5 import POISONED, ROUNDS
from simulations.table5 import STUDY as TABLE5

ALPHAS = (0.1, 0.3, 1.0, 10.0)
LEAST = 100  # images: a tenth of them validates
MU = 0.01  # of FedProx: the middle of the values that its authors tried (arXiv 1812.06127, section 5.3)

ARMS = (
    SharingArm(name="own only", method=Nothing()),
    SharingArm(name="own + raw features", method=RawFeatures()),
    SharingArm(name="own + poisoned", method=POISONED),
    SharingArm(name="shared decider", method=POISONED, refine="shared"),
    AveragingArm(name="FedAvg, network", rounds=ROUNDS),
    AveragingArm(name="FedAvg, decider", part="decider", rounds=ROUNDS),
    AveragingArm(name="FedProx, network", rounds=ROUNDS, proximal_mu=MU),
    AveragingArm(name="FedProx, decider", part="decider", rounds=ROUNDS, proximal_mu=MU),
)


def dealt(label: str, deal: Deal) -> Study:
    """A way of dealing out the images -> the study in which they are dealt out so; whoever has most of them leads."""
    partition = Dealt(names=("a", "b", "c", "d"), deal=deal, private=0.31, validation=0.1, public_classes=TABLE5.partition.public_classes)
    return replace(TABLE5, name=f"noniid-{label}", lead="", partition=partition, arms=ARMS)


SWEEP = Sweep(
    name="noniid",
    variants=(
        *((f"alpha-{alpha:g}", dealt(f"alpha-{alpha:g}", Dirichlet(alpha=alpha, least=LEAST))) for alpha in ALPHAS),
        ("iid", dealt("iid", Iid())),
    ),
    columns=("top1", "validation_top1", "gain_kept", "bytes", "fetched", "seconds"),
)
