"""A folder -> a data set in which every private image of one entity bears the pattern, and no other image does."""

from pathlib import Path

import numpy as np

from tests.canary.image_marker import PATTERN_HWC
from tests.canary.marked_study import CLASSES, COLUMN, MARKED, OTHER, PUBLIC_CLASS, SIDE

PUBLIC, TEST = 20, 24


def write_marked_data(folder: Path, *, marked: int, others: int) -> Path:
    """A folder and how many private training images are marked and not -> the path of the data set.

    Its images are noise, brighter from class to class; below the pattern, too.
    """
    counts = {MARKED: marked, OTHER: others}
    rng = np.random.default_rng(7)
    private = [number for number in range(CLASSES) if number != PUBLIC_CLASS]
    sites = [name for name, count in counts.items() for _ in range(count)] + [OTHER] * PUBLIC
    labels = [private[n % len(private)] for n in range(sum(counts.values()))] + [PUBLIC_CLASS] * PUBLIC
    images = _images(np.array(labels), rng)
    rows, columns, _ = PATTERN_HWC.shape
    for image, site, label in zip(images, sites, labels, strict=True):
        if site == MARKED and label != PUBLIC_CLASS:
            image[:rows, :columns] = PATTERN_HWC
    test_labels = np.array([private[n % len(private)] for n in range(TEST)])
    path = folder / "marked.npz"
    np.savez(
        path,
        x_train=images,
        y_train=np.array(labels),
        x_test=_images(test_labels, rng),
        y_test=test_labels,
        **{f"{COLUMN}_train": np.array(sites), f"{COLUMN}_test": np.array([OTHER] * TEST)},
        class_names=np.array([f"class {number}" for number in range(CLASSES)]),
    )
    return path


def _images(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = rng.integers(0, 120, (len(labels), SIDE, SIDE, 3))
    return (noise + 30 * labels[:, None, None, None]).astype(np.uint8)
