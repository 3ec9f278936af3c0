"""What it costs to get a data set: decoding a folder, mapping it from the cache, looking for repeated images, and dividing it."""

import hashlib
import time

import numpy as np
import pytest
import torch
from PIL import Image

from dpm_flower.core.labelled import as_floats
from dpm_flower.core.partition import Dealt, Dirichlet, Shares, entities
from dpm_flower.data import sources
from dpm_flower.data.division import divide
from dpm_flower.data.partition_flower import dirichlet_parts
from dpm_flower.data.picture_files import images_from_files
from dpm_flower.data.repeats import distinct
from tests.data.made import numbered_set

CLASSES, PER_CLASS, SIDE = 4, 500, 32
MOST_DECODING = 1.3  # of the time in which a plain loop over Pillow reads the same files
MOST_FROM_CACHE = 0.3  # of the time of the first reading
MOST_COMPARING = 0.5  # of the time of a digest for every image
MOST_DIVIDING = 2.0  # times what the images' comparison takes, or Flower's partitioner: the rest looks at labels only
PARTS = 50
SHARES = Shares(entities=(("a", 0.3), ("b", 0.3), ("c", 0.2), ("d", 0.05)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """2,000 JPEG files of 32 x 32 pixels, each with its own noise."""
    root, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for part, images in (("train", PER_CLASS), ("test", PER_CLASS // 5)):
        for name in range(CLASSES):
            (root / part / str(name)).mkdir(parents=True)
            for number in range(images):
                small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
                small.resize((SIDE, SIDE)).save(root / part / str(name) / f"{number:04d}.jpg", quality=90)
    return root


def cpu_seconds(work, *arguments):
    """Seconds of computing of this process, all its threads together: whatever else the machine does counts for neither side."""
    started = time.process_time()
    work(*arguments)
    return time.process_time() - started


def plain_loop(paths):
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])


@pytest.mark.benchmark(group="loading")
def test_decoding_costs_hardly_more_than_a_plain_loop(benchmark, folder):
    paths = sorted(str(path) for path in (folder / "train").rglob("*.jpg"))
    ours = np.concatenate(list(images_from_files(paths, SIDE)))
    assert np.array_equal(ours.transpose(0, 2, 3, 1), plain_loop(paths))  # else it would not be the same work; this also warms up
    seconds, by_hand = [], []
    benchmark.pedantic(
        lambda: seconds.append(cpu_seconds(lambda: list(images_from_files(paths, SIDE)))),
        setup=lambda: by_hand.append(cpu_seconds(plain_loop, paths)),
        rounds=5,
    )
    ratio = min(seconds) / min(by_hand)
    benchmark.extra_info |= {"ours, s": min(seconds), "plain loop, s": min(by_hand), "ratio": ratio}
    assert ratio <= MOST_DECODING


@pytest.mark.benchmark(group="loading")
def test_the_second_reading_comes_from_the_cache(benchmark, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DPM_FLOWER_CACHE", str(tmp_path))

    def anew():
        sources._kept.cache_clear()  # as in a new process
        sources.load(str(folder), SIDE)

    first = cpu_seconds(anew)
    again = []
    benchmark.pedantic(lambda: again.append(cpu_seconds(anew)), rounds=5)
    benchmark.extra_info |= {"first, s": first, "again, s": min(again)}
    assert min(again) <= MOST_FROM_CACHE * first


@pytest.mark.benchmark(group="loading")
def test_looking_for_repeats_costs_less_than_digests(benchmark):
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (20_000, 3, SIDE, SIDE), dtype=torch.uint8, generator=rng)
    images[-1] = images[0]

    def digests():
        return {hashlib.sha256(image).digest() for image in images.flatten(1).numpy()}

    assert len(distinct(images, images[:0]).kept) == len(digests()) == len(images) - 1
    assert len(distinct(as_floats(images[-2:]), images[:1]).kept) == 1
    seconds, by_digest = [], []
    benchmark.pedantic(
        lambda: seconds.append(cpu_seconds(distinct, images, images[:0])),
        setup=lambda: by_digest.append(cpu_seconds(digests)),
        rounds=5,
    )
    benchmark.extra_info |= {"ours, s": min(seconds), "SHA-256, s": min(by_digest)}
    assert min(seconds) <= MOST_COMPARING * min(by_digest)


def by_flower(dataset):
    """What Flower's partitioner alone takes, for as many images as a division deals."""
    dirichlet_parts(dataset.train.labels[: len(dataset.train) * 4 // 5], PARTS, 1.0, 5, 0)


def by_comparing(dataset):
    distinct(dataset.train.images, dataset.test.images)


@pytest.mark.benchmark(group="loading")
@pytest.mark.parametrize(
    ("partition", "beside"), [(SHARES, by_comparing), (Dealt(names=entities(PARTS), deal=Dirichlet(alpha=1.0, least=5)), by_flower)]
)
def test_dividing_costs_no_more_than_it_has_to(benchmark, partition, beside):
    dataset = numbered_set([10_000] * 2, [10, 10])
    divide(dataset, partition, 0)  # looks for repeats, once; this also warms up
    seconds, least = [], []
    benchmark.pedantic(
        lambda: seconds.append(cpu_seconds(divide, dataset, partition, 0)),
        setup=lambda: least.append(cpu_seconds(beside, dataset)),
        rounds=5,
    )
    ratio = min(seconds) / min(least)
    benchmark.extra_info |= {"ours, s": min(seconds), "beside, s": min(least), "ratio": ratio}
    assert ratio <= MOST_DIVIDING
