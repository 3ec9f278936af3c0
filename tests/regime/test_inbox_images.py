import pytest
import torch

from dpm_flower.core.errors import DataError, GoneError
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.regime.inbox_images import StayingImages, days_images
from dpm_flower.regime.site_file import DataPlace
from tests.data.retention.fakes import BEGIN, DAY, FakeClock
from tests.regime.small_inbox import CLASSES, days_pixels, png
from tests.training.toys import SIDE


@pytest.fixture
def place(tmp_path):
    """Five apes, six bees and seven cats of the site's own, and as many public ones."""
    pixels = iter([*days_pixels(0, 20)[0], *days_pixels(1, 20)[0]])
    for part in ("scans", "public"):
        for name, count in zip(CLASSES, (5, 6, 7), strict=True):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                (tmp_path / part / name / f"{number}.png").write_bytes(png(next(pixels)))
    return DataPlace(images=str(tmp_path / "scans"), public=str(tmp_path / "public"))


def test_own_images_have_the_numbers_of_the_inboxs_classes_whatever_their_order(place):
    found = StayingImages.of(place, ("cat", "ape", "bee"), SIDE)
    assert torch.bincount(torch.cat((found.own.labels, found.held_out.labels))).tolist() == [7, 5, 6]
    assert len(found.held_out) == 3  # one in five of eighteen
    assert found.public.images.shape[1:] == (3, SIDE, SIDE)


def test_own_images_of_a_class_that_the_inbox_does_not_have_are_refused(place):
    with pytest.raises(DataError, match="got also images of bee"):
        StayingImages.of(place, ("cat", "ape", "cow"), SIDE)


def test_a_days_images_come_in_the_order_of_their_ids_as_long_as_their_time_lasts(tmp_path):
    clock = FakeClock()
    store = RetentionStore.open(tmp_path / "store", RetentionPolicy(), clock)
    pixels = days_pixels(0, 3)[0]
    items = [store.add(png(pixels[number]), BEGIN, {"class": CLASSES[number]}) for number in (2, 0, 1)]
    derived = store.derive(items)
    for _ in range(2):  # again after a kill
        found = days_images(store, items, CLASSES, SIDE, derived.folder)
    assert found.labels.tolist() == [2, 0, 1]
    assert torch.equal(found.images, torch.from_numpy(pixels[[2, 0, 1]]))
    clock.advance(DAY)
    with pytest.raises(GoneError):
        days_images(store, items, CLASSES, SIDE, derived.folder)
    assert not derived.folder.exists()
