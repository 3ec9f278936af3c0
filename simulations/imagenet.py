"""The paper's own sizes: ResNet50 and ResNet101 on ImageNet at 224 px, 500 private classes and 500 public ones.

Run:    make study STUDY=simulations.imagenet DATA=<folder that torchvision's ImageNet makes: train/WNID/IMAGE, val/WNID/IMAGE>
Data:   1.28 million images, which are not downloaded; 192 GB of cache on disk (DPM_FLOWER_CACHE_GB), see data/imagenet.py
Shows:  the table of equivalence and disparity (one entity holds the whole private part), then the collaboration of a, b and c
        with 10 % of the private images each and d with 1 %: simulations/table1_2.py and table5.py state the paper's figures
Note:   published are the networks, the hook point and the division; steps, rates and batch sizes are ours: 90 passes over
        the private images are 112,500 steps of 512. Nobody has run this yet: it needs a GPU and days
"""

from dataclasses import replace

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from simulations.table1_2 import BASE
from simulations.table1_2 import COLUMNS as RELEASED
from simulations.table5 import STUDY as TABLE5

PUBLIC_CLASSES = 500  # drawn by the seed, as are the paper's
PRETRAIN = Fitting(steps=112_500, batch_size=512, learning_rate=2e-3, weight_decay=1e-4)
RECONSTRUCT = Fitting(steps=50_000, batch_size=128, learning_rate=1e-3, weight_decay=0.0)


def at_full_size(study: Study, backbone: str) -> Study:
    """A study of small images -> the same on ImageNet with that backbone, cut where the paper cuts it."""
    return replace(
        study,
        name=f"imagenet-{study.name}-{backbone}",
        data="imagenet:{0}",
        side=224,
        backbone=backbone,
        hook="conv4_1",
        pretrain=PRETRAIN,
        reconstruct=RECONSTRUCT,
        refine=replace(PRETRAIN, steps=25_000, learning_rate=5e-4),
        lead_threads=1,
        seeds=(0,),
    )


ALONE = replace(BASE, partition=Shares(entities=(("a", 1.0),), validation=0.02, public_classes=PUBLIC_CLASSES))
COLLABORATION = replace(TABLE5, partition=replace(TABLE5.partition, public_classes=PUBLIC_CLASSES), columns=("top1", "top5", *RELEASED))

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
