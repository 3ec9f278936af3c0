"""The paper's networks and division at full size: ResNet50 and ResNet101 on ImageNet at 224 px, 500 private classes and 500 public ones.

Run:    make study STUDY=simulations.imagenet DATA=<folder that torchvision's ImageNet makes: train/WNID/IMAGE, val/WNID/IMAGE>
        ARGS=--in-process, one entity after the other, unless there is memory for several at once
Data:   1.28 million images, which are not downloaded; 192 GB of cache on disk (DPM_FLOWER_CACHE_GB), see data/imagenet.py
Shows:  the table of equivalence and disparity, then the collaboration of a, b and c with 10 % of the private images each and d with
        1 %: simulations/table1_2.py and table5.py state the paper's figures
Needs:  a GPU, days, and memory. An entity holds in memory all that it releases and what the audit makes of it. For each image that is
        0.80 MB of features as shared (1,024 x 14 x 14 floats), as much as decoded, half of it in shards, and 0.60 MB twice: the
        image as floats, and an attacker's guess; 3.2 MB in all. An entity with 10 % of the private images trains on and releases
        58,000 to 63,000 of them: 180 to 200 GB, and 25 GB for own, public and test images, hence a machine with 256 GB; and 0.6 TB
        of disk for features and releases. One that held the whole private part, 628,000 images, as the paper's tables of single
        releases have it, would need 2.0 TB (504 GB of features as shared, 378 GB of guesses)
Note:   published are the networks, the hook point and the classes' division. Ours are steps, rates and batch sizes (at most 90
        passes over the images of a network, 20 of a refinement, 40 of a module, 100 of the reconstructor), a tenth of the private
        images where the paper's tables of single releases have all, and a tenth of the public ones. With a tenth the paper's own
        network comes to a top-1 of 52.9 (its table of the collaboration), not to the 79.4 and 81.1 of its single releases. Nobody
        has run this yet
"""

from dataclasses import replace

from dpm_flower.core.arms import Arm, SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from simulations.table1_2 import BASE
from simulations.table1_2 import COLUMNS as RELEASED
from simulations.table5 import STUDY as TABLE5

PUBLIC_CLASSES = 500  # drawn by the seed, as are the paper's
PUBLIC = 0.1  # of their images: 64,000, whose features take 51 GB of disk and are mapped
PRETRAIN = Fitting(steps=112_500, batch_size=512, learning_rate=2e-3, weight_decay=1e-4, max_epochs=90)
RECONSTRUCT = Fitting(steps=50_000, batch_size=128, learning_rate=1e-3, weight_decay=0.0)
REFINE = replace(PRETRAIN, learning_rate=5e-4, max_epochs=20)
POISONING = Fitting(steps=20_000, batch_size=128, learning_rate=2e-3, weight_decay=0.0, max_epochs=40)
DAY_S = 24 * 3600.0


def _at_full_size(arm: Arm) -> Arm:
    """An arm of small images -> the same, its modules trained for as long as features of 14 x 14 positions need."""
    if isinstance(arm, SharingArm) and isinstance(arm.method, DeepPoisoning):
        return replace(arm, method=replace(arm.method, fitting=POISONING))
    return arm


def at_full_size(study: Study, backbone: str) -> Study:
    """A study of small images -> the same on ImageNet with that backbone, cut where the paper cuts it."""
    return replace(
        study,
        name=f"imagenet-{study.name}-{backbone}",
        data="imagenet:{0}",
        side=224,
        backbone=backbone,
        hook="conv4_1",
        arms=tuple(_at_full_size(arm) for arm in study.arms),
        pretrain=PRETRAIN,
        reconstruct=RECONSTRUCT,
        refine=REFINE,
        lead_threads=1,
        seeds=(0,),
        phase_timeout_s=14 * DAY_S,
    )


ALONE = replace(BASE, partition=Shares(entities=(("a", 0.1),), validation=0.02, public=PUBLIC, public_classes=PUBLIC_CLASSES))
COLLABORATION = replace(
    TABLE5,
    partition=replace(TABLE5.partition, public=PUBLIC, public_classes=PUBLIC_CLASSES),
    columns=("top1", "top5", *RELEASED),
)

SWEEP = Sweep(
    name="imagenet",
    variants=(
        ("resnet50", at_full_size(ALONE, "resnet50")),
        ("resnet101", at_full_size(ALONE, "resnet101")),
        ("collaboration", at_full_size(COLLABORATION, "resnet101")),
    ),
    columns=("top1", "top5", *RELEASED),
    figure="top1_release",
)
