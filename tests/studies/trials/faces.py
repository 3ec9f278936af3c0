"""Faces in small: an archive of 12 pixels with four attributes that can be seen, and trials that take a second."""

from dataclasses import replace

import numpy as np

from dpm_flower.core.comparison import Ground
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.progress import silent
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.studies.trials.attribute_scene import AttributeTask
from dpm_flower.studies.trials.protections import Obfuscated, Poisoned
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.obfuscation import Obfuscation
from dpm_flower.training.privacy import PrivacyTerm
from tests.training.faces import faces
from tests.training.toys import CPU

FEW = Fitting(steps=3, batch_size=8, learning_rate=1e-2, weight_decay=0.0)
TASK = AttributeTask(side=12, utility=2, width=2, convolutions=(1,), pretrain=FEW, augment="none", reconstruct=FEW, read=FEW)
TERM = PrivacyTerm(convolutions=(1,))


def archive(path):
    """Four attributes: two that can be seen, and the same the other way round."""
    members = {"attr_names": np.array(["blue", "red", "not blue", "not red"])}
    for part, count, seed in (("train", 40, 0), ("test", 16, 1)):
        made = faces(count, seed)
        members[f"x_{part}"] = as_bytes(made.images).permute(0, 2, 3, 1).numpy()
        members[f"attr_{part}"] = np.concatenate([made.attributes.numpy(), 1 - made.attributes.numpy()], 1)
    np.savez(path, **members)
    return str(path)


def ground(data, folder, seed=0, report=silent):
    return Ground(data=data, seed=seed, folder=folder / "cell", common=folder / "common", compute=CPU, report=report)


def brief(protection):
    """The same protection, hardly trained."""
    match protection:
        case Obfuscated(obfuscation=Obfuscation(privacy=privacy, adversary=adversary) as cycle):
            few = replace(cycle, privacy=privacy and TERM, adversary=replace(adversary, steps=1), fitting=replace(FEW, steps=5))
            return replace(protection, obfuscation=few)
        case Poisoned(method=DeepPoisoning(privacy=privacy) as method):
            return Poisoned(replace(method, blocks=1, privacy=privacy and TERM, fitting=FEW))
    return protection


OBFUSCATED = Obfuscated(obfuscation=Obfuscation(privacy=TERM, adversary=Adversaries(count=1, steps=1, restart=0), fitting=FEW))
POISONED = Poisoned(DeepPoisoning(equivalence="labels", blocks=1, privacy=TERM, fitting=FEW))
