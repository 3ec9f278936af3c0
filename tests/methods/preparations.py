"""What methods are prepared with, in small."""

from dpm_flower.core.progress import silent
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.streams import stream
from dpm_flower.training.prediction import apply
from tests.training.toys import CPU, pictures, public_nets

NETS = public_nets()
PRIVATE = pictures(24)


def features(images):
    return apply(NETS.featurizer, images, CPU)


def preparation(owner="entity-a", report=silent):
    return Preparation(
        net=NETS,
        private=PRIVATE,
        validation=pictures(6, seed=1),
        public=pictures(12, seed=2),
        rng=stream(0, owner),
        compute=CPU,
        report=report,
        features=features,
    )
