"""Entities of one small campaign, each with its own images and its own folder."""

from dpm_flower.core.alone import LOCK_NAME
from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.progress import silent
from dpm_flower.core.study import Study
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.site import Site
from dpm_flower.regime.task import EntityTask
from tests.payload.unsigned import Unsigned
from tests.training.toys import CPU, SIDE, pictures, public_nets

FEW = Fitting(steps=6, batch_size=8, learning_rate=1e-2)
POISONING = DeepPoisoning(blocks=1, fitting=FEW)
NETS = public_nets()
STUDY = Study(
    name="small",
    side=SIDE,
    partition=Shares(entities=(("a", 0.4), ("b", 0.3), ("c", 0.2))),
    arms=(
        SharingArm(name="own only", method=Nothing()),
        SharingArm(name="features", method=RawFeatures()),
        SharingArm(name="poisoned", method=POISONING),
        SharingArm(name="shared", method=POISONING, refine="shared", rounds=3),
        SharingArm(name="images", method=RawImages(), refine="network"),
        AveragingArm(name="FedAvg", rounds=2),
    ),
    pretrain=FEW,
    reconstruct=FEW,
    refine=FEW,
    pictures=3,
)


def notary():
    return Notary(Unsigned(), Unsigned())


def task(folder, entity="a", **changes):
    """The task of one entity, whose folder lies below `folder`."""
    number = ord(entity[0])
    return EntityTask(
        **{
            "study": STUDY,
            "seed": 0,
            "campaign": "c-0",
            "entity": entity,
            "train": pictures(20 + number % 3, seed=number),
            "validation": pictures(6, seed=number + 1000),
            "public": pictures(12, seed=1),
            "test": pictures(15, seed=2),
            "site": Site(folder / entity),
            "compute": CPU,
            "report": silent,
        }
        | changes
    )


def files(folder):
    """All files below a folder by their relative path, without locks, and logs and indexes of pools, which whoever opens one changes."""
    left_out = ("audit-log", "index.sqlite", LOCK_NAME)
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(left_out))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
