"""A victim who has released features by some method, and a peer who attacks them with images of its own."""

import functools
import tempfile
from pathlib import Path

from dpm_flower.attacks.black_box import BlackBoxInversion
from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.progress import silent
from dpm_flower.core.protocols import Guess, Leaked, Preparation
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.metrics.similarity import windowed_ssim
from tests.attacks.views import NETS, PUBLIC, features, scenes, view
from tests.training.toys import CLASSES, CPU

OWN, VICTIMS = scenes(36, seed=2), scenes(60, seed=3)
SCORED = 40  # of the victims; the others may leak
CLEAR = 0.1  # the public reconstructor sees raw features 0.3 better than the class tells
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
    knows = ({"recipe": method} if level.knows_recipe else {}) | ({"own": OWN} if level.is_peer else {})
    leaked = Leaked(VICTIMS.images[SCORED:], some(release(method), slice(SCORED, None)))
    more = {
        Level.A3: {"leaked": leaked, "prepared": lambda attack: prepared(folder, attack, method)},
        Level.A4: {"oracle": sharer(method).share},
    }
    return view(folder / level.name, **(knows | more.get(level, {}) | changes))


def prepared(folder, attack, method, **changes):
    return attack.prepare(view_of(folder, attack.level, method, **changes), stream(0, "attacker"))


def guesses(folder, attack, method, **changes):
    """An attack's guesses of the victims that have not leaked."""
    result = prepared(folder, attack, method, **changes).guess(some(release(method), slice(SCORED)))
    assert isinstance(result, Guess)
    return result.images


def assert_sees(folder, attack, method):
    """Its guesses are of their own victims: they come nearer to them than the class tells, and than to others of the same class."""
    made, truth = guesses(folder, attack, method), VICTIMS.images[:SCORED]
    told = float(windowed_ssim(truth, made).mean())
    assert told > floor() + CLEAR
    rounds = range(CLASSES, SCORED - 1, CLASSES)  # the classes take turns
    others = [float(windowed_ssim(truth[:-1].roll(shift, 0), made[:-1]).mean()) for shift in rounds]
    assert told > sum(others) / len(others) + CLEAR


def assert_sees_half(folder, attack, method, inverse):
    """Above what the class tells, which is no part of what an attack sees, it comes to half of what the module's own inverse sees."""
    most = seen_by_own_inverse(method, inverse)
    assert score(folder, attack, method) - floor() > 0.5 * (most - floor()) > CLEAR / 2


@functools.cache
def seen_by_own_inverse(method, inverse):
    """Windowed SSIM of who may use the victim's module, A4, whose network is trained once for all attacks that are compared with it."""
    with tempfile.TemporaryDirectory() as folder:
        return score(Path(folder), BlackBoxInversion(inverse=inverse), method)


def floor():
    """Windowed SSIM of what the class tells of these victims to who owns images of the task."""
    return float(windowed_ssim(VICTIMS.images[:SCORED], class_mean_guess(VICTIMS.labels[:SCORED], OWN).images).mean())


def score(folder, attack, method, **changes):
    """Windowed SSIM of these guesses."""
    return float(windowed_ssim(VICTIMS.images[:SCORED], guesses(folder, attack, method, **changes)).mean())
