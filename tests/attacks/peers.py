"""A victim who has released features by some method, and a peer who attacks them with images of its own."""

import functools

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import silent
from dpm_flower.core.protocols import Guess, Leaked, Level, Preparation
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.metrics.similarity import windowed_ssim
from tests.attacks.views import NETS, PUBLIC, features, view
from tests.training.toys import CPU, pictures

OWN, VICTIMS = pictures(36, seed=2), pictures(60, seed=3)
SCORED = 40  # of the victims; the others may leak
UNHIDDEN = DeepPoisoning(
    blocks=1, weight=0.0, fitting=Fitting(steps=40, learning_rate=1e-2, batch_size=16, weight_decay=0.0), name="unhidden"
)
POISONED = DeepPoisoning(
    blocks=1, weight=3.0, fitting=Fitting(steps=60, learning_rate=1e-2, batch_size=16, weight_decay=0.0), name="poisoned"
)


@functools.cache
def sharer(method):
    """The victim's."""
    preparation = Preparation(
        net=NETS, private=VICTIMS, validation=VICTIMS, public=PUBLIC, rng=stream(0, "victim"), compute=CPU, report=silent, features=features
    )
    return method.prepare(preparation)


@functools.cache
def release(method):
    """Of all victims."""
    return sharer(method).share(VICTIMS.images, VICTIMS.labels)


def some(batch, chosen):
    return SharedFeatures(batch.features[chosen], batch.labels[chosen])


def view_of(folder, level, method, **changes):
    """What an attacker of a level knows about the victim's release by a method."""
    recipe = {"recipe": method, "own": OWN} if level.is_peer else {}
    leaked = Leaked(VICTIMS.images[SCORED:], some(release(method), slice(SCORED, None)))
    more = {
        Level.A3: {"leaked": leaked, "prepared": lambda attack: prepared(folder, attack, method)},
        Level.A4: {"oracle": sharer(method).share},
    }
    return view(folder / level.name, **(recipe | more.get(level, {}) | changes))


def prepared(folder, attack, method, **changes):
    return attack.prepare(view_of(folder, attack.level, method, **changes), stream(0, "attacker"))


def guesses(folder, attack, method, **changes):
    """An attack's guesses of the victims that have not leaked."""
    result = prepared(folder, attack, method, **changes).guess(some(release(method), slice(SCORED)))
    assert isinstance(result, Guess)
    return result.images


def score(folder, attack, method, **changes):
    """Windowed SSIM of these guesses."""
    return float(windowed_ssim(VICTIMS.images[:SCORED], guesses(folder, attack, method, **changes)).mean())
