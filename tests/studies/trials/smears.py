"""Blood smears in small: an archive of images with boxes in three parts, and trials of detection that take seconds."""

from dataclasses import replace

import numpy as np
import torch

from dpm_flower.attacks.inverse import Inverse
from dpm_flower.core.comparison import Ground
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.progress import silent
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.studies.trials.detection_attacks import DetectionAttackers
from dpm_flower.studies.trials.detection_scene import DetectionTask
from tests.training.cells import NAMES, cells
from tests.training.toys import CPU

FEW = Fitting(steps=2, batch_size=4, learning_rate=1e-3, weight_decay=0.0)
TASK = DetectionTask(pretrain=replace(FEW, steps=4), reconstruct=FEW, refine=FEW)
ATTACKERS = DetectionAttackers(inverse=Inverse(blocks=1, fitting=replace(FEW, steps=3)), pairs=2, tuning=FEW, shown=2)
POISONED = DeepPoisoning(equivalence="labels", blocks=1, kind="basic", fitting=FEW)


def archive(path, train=24, names=NAMES):
    """So many training images, four to choose on and four to be judged on; there are no boxes of further names."""
    made = cells(train + 8)
    np.savez(
        path,
        images=as_bytes(made.images).permute(0, 2, 3, 1).numpy(),
        boxes=torch.cat(made.boxes).numpy(),
        box_class=torch.cat(made.labels).numpy().astype(np.uint8),
        box_image=np.repeat(np.arange(len(made)), [len(one) for one in made.boxes]).astype(np.int32),
        split=np.repeat(np.arange(3), [train, 4, 4]).astype(np.uint8),
        class_names=np.array(names),
    )
    return str(path)


def ground(data, folder, name="cell", seed=0, report=silent):
    return Ground(data=data, seed=seed, folder=folder / name, common=folder / "common", compute=CPU, report=report)
