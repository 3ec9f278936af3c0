from dataclasses import dataclass

import pytest
import torch

from dpm_flower.attacks.leaked_pairs import LeakedPairs
from dpm_flower.attacks.optimised import Optimised
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.level import Level
from dpm_flower.core.shared import SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.regime.leak import parted, seen_whole

IMAGES = torch.rand(30, 3, 12, 12, generator=stream(0, "victims"))
LABELS = torch.arange(30)
FEATURES = IMAGES.mean(1, keepdim=True)
RELEASE = SharedFeatures(FEATURES, LABELS)


def leak(pairs, released=RELEASE, shown=3, images=IMAGES):
    return parted(LeakedPairs(pairs=pairs), images, released, shown, stream(0, "leaked pairs"))


def test_who_has_no_leaked_pairs_is_judged_by_all():
    found = parted(Shadow(), IMAGES, RELEASE, 3, stream(0))
    assert found.leaked is None
    assert found.images is IMAGES
    assert found.released is RELEASE


@pytest.mark.parametrize(("pairs", "leaked"), [(2, 2), (10, 10), (15, 15), (100, 15)])
def test_pairs_that_leak_are_not_judged_and_at_most_half_of_all_do(pairs, leaked):
    found = leak(pairs)
    assert len(found.leaked.images) == leaked
    assert len(found.images) == 30 - leaked
    assert sorted(found.leaked.released.labels.tolist() + found.released.labels.tolist()) == list(range(30))
    for images, released in ((found.leaked.images, found.leaked.released), (found.images, found.released)):
        assert torch.equal(images, IMAGES[released.labels])
        assert torch.equal(released.features, FEATURES[released.labels])
        assert released.labels.tolist() == sorted(released.labels.tolist())


def test_none_of_the_images_that_the_owner_looks_at_leak():
    assert leak(15, shown=8).released.labels[:8].tolist() == list(range(8))
    assert len(leak(15, shown=28).leaked.images) == 2


def test_more_pairs_are_the_same_ones_and_others():
    few, many = (set(leak(pairs).leaked.released.labels.tolist()) for pairs in (4, 9))
    assert few < many


def test_released_images_part_as_features_do():
    found = leak(10, SharedImages(IMAGES, LABELS))
    assert torch.equal(found.released.images, found.images)
    assert torch.equal(found.leaked.released.images, found.leaked.images)


@dataclass(frozen=True)
class Slow:
    most_images: int
    name: str = "A6.slow"
    level: Level = Level.A6

    def prepare(self, view, rng):
        return self


def test_a_slow_attack_is_judged_by_a_sample_in_which_are_those_that_the_owner_looks_at():
    found = parted(Slow(12), IMAGES, RELEASE, 3, stream(0))
    chosen = found.released.labels
    assert len(chosen) == 12
    assert chosen[:3].tolist() == [0, 1, 2]
    assert torch.equal(found.images, IMAGES[chosen])
    assert torch.equal(found.judged.nonzero().flatten(), chosen)
    assert found.leaked is None
    assert torch.equal(parted(Slow(12), IMAGES, RELEASE, 3, stream(0)).released.labels, chosen)
    assert parted(Slow(30), IMAGES, RELEASE, 3, stream(0)).judged is None


@pytest.mark.parametrize("attack", [Shadow(), LeakedPairs(pairs=10), Optimised(images=8)], ids=lambda attack: attack.name)
def test_what_is_unpaired_is_seen_whole_however_little_it_is(attack):
    fewer = SharedFeatures(FEATURES[:7], LABELS[:7])
    found, paired = (
        known(attack, IMAGES, given, 3, stream(0, "leaked pairs")) for known, given in ((seen_whole, fewer), (parted, RELEASE))
    )
    assert found.released is fewer
    assert found.leaked is None
    assert torch.equal(found.images, paired.images)  # against raw features' scores of the same images
    assert (found.judged is None) is (paired.judged is None) is isinstance(attack, Shadow)
    if found.judged is not None:
        assert torch.equal(found.judged, paired.judged)
