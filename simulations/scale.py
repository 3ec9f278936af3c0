"""What one more entity costs: 4, 10, 30 and 100 small entities, each with the same number of images, and a lead.

Run:    make study STUDY=simulations.scale DATA=<folder with train/CLASS/IMAGE and test/CLASS/IMAGE of CIFAR-10>
Data:   half of the classes are the private task; the lead holds 10 % of the private images, pre-trains on them and shares nothing;
        every other entity holds 0.5 % (125 of CIFAR-10's), so that entities do the same work whatever their number; nine tenths of
        the public images stay aside
Shows:  of the same four small entities with the same images in every variant, who alone receive, and pool all releases: quality,
        seconds, peak memory and the megabytes that they fetch, as means over the four; and of the others, who send only (there is
        none among 4 entities), seconds of contributing and peak memory
Claim:  what an entity computes and holds does not depend on how many there are: processor seconds and peak memory of a receiver at 100
        entities are within 1.2 times those at 10, and so are those of a sender, while what a receiver fetches grows with the number of
        its peers; the receivers' top-1 rises with it. Found with seed 0: within 1.04 times, and top-1 from 71.3 to 76.4 %
Memory: the most that was resident in the process that answers, while it answers one message. In a simulation Ray's actors, as many
        as clients work at once, serve all entities by turns: each figure contains the libraries and the data set, which a site of its
        own has once as well, and what an actor has kept of other entities, which such a site has not
Settings: those of simulations.table5, with the rate and the steps of refinement that were chosen there
"""

from dataclasses import replace

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.partition import Shares, entities
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from simulations.table5 import POISONED
from simulations.table5 import STUDY as TABLE5

NUMBERS = (4, 10, 30, 100)
RECEIVERS = 4  # the first: images are dealt out in the order of the names, so that whoever comes later takes none of theirs
LEAD, LEADS_SHARE, SHARE = "lead", 0.1, 0.005


def among(count: int) -> Study:
    """A number of small entities -> the study in which so many share and the first four of them receive."""
    names = entities(NUMBERS[-1])[:count]
    receivers = names[:RECEIVERS]
    held = ((LEAD, LEADS_SHARE), *((name, SHARE) for name in names))
    return replace(
        TABLE5,
        name=f"scale-{count}",
        lead=LEAD,
        partition=Shares(entities=held, public=0.1, public_classes=TABLE5.partition.public_classes),
        arms=(
            SharingArm(name="own only", method=Nothing(), receivers=receivers),
            SharingArm(name="own + raw features", method=RawFeatures(), senders=names, receivers=receivers),
            SharingArm(name="own + poisoned", method=POISONED, senders=names, receivers=receivers),
        ),
        seeds=(0,),
    )


SWEEP = Sweep(
    name="scale",
    variants=tuple((str(count), among(count)) for count in NUMBERS),
    columns=(
        "top1",
        "gain_kept",
        "seconds",
        "cpu_seconds",
        "memory",
        "fetched",
        "sender_seconds",
        "sender_cpu_seconds",
        "sender_memory",
        "bytes",
    ),
)
