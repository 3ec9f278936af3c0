"""What one more entity costs: 4, 10, 30 and 100 entities, each with the same number of images.

Run:    make study STUDY=simulations.scale DATA=<folder with train/CLASS/IMAGE and test/CLASS/IMAGE of CIFAR-10>
Data:   half of the classes are the private task; every entity holds 1 % of the private images (250 of CIFAR-10's), so that
        entities do the same work whatever their number; nine tenths of the public images stay aside
Shows:  quality for four sampled receivers, who pool everybody's release; seconds and peak memory of each entity's own process
Claim:  seconds and memory per entity at 100 entities are within 1.2 times those at 10; quality rises with the number of peers
"""

from dataclasses import replace

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from simulations.table5 import STUDY as TABLE5

RECEIVERS = 4


def among(entities: int) -> Study:
    """A number of entities -> the study in which so many share and four of them, spread evenly over the list, receive."""
    names = tuple(f"e{number:03d}" for number in range(1, entities + 1))
    receivers = names[:: entities // RECEIVERS][:RECEIVERS]
    return replace(
        TABLE5,
        name=f"scale-{entities}",
        lead=names[0],
        partition=Shares(entities=tuple((name, 0.01) for name in names), public=0.1, public_classes=TABLE5.partition.public_classes),
        arms=(
            SharingArm(name="own only", method=Nothing(), receivers=receivers),
            SharingArm(name="own + raw features", method=RawFeatures(), receivers=receivers),
            SharingArm(name="own + poisoned", method=DeepPoisoning(), receivers=receivers),
        ),
        seeds=(0,),
    )


SWEEP = Sweep(
    name="scale",
    variants=tuple((str(entities), among(entities)) for entities in (4, 10, 30, 100)),
    columns=("top1", "ssim", "gain_kept", "seconds", "memory", "bytes"),
)
