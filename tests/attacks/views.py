"""What attackers know in these tests: networks that have learnt something, public images, a folder."""

from dpm_flower.core.progress import silent
from dpm_flower.core.protocols import AttackerView
from dpm_flower.training.prediction import apply
from tests.training.toys import CPU, pictures, telling_nets

PUBLIC, VICTIMS = pictures(36), pictures(15, seed=1)
NETS = telling_nets()


def features(images):
    return apply(NETS.featurizer, images, CPU)


FEATURES = features(VICTIMS.images)


def view(folder, **changes):
    known = {"net": NETS, "public": PUBLIC, "features": features, "recipe": None, "folder": folder, "compute": CPU, "report": silent}
    return AttackerView(**(known | changes))
