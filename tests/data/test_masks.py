from dataclasses import replace

import numpy as np
import pytest
import torch

from dpm_flower.core.errors import DataError, SettingError, ShapeError
from dpm_flower.data.masks import Masked, load_masks

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(60, 256, (6, 16, 16, 3), dtype=np.uint8)
MASKS = (RNG.random((6, 16, 16)) < 0.3).astype(np.uint8)
WHOLE = {
    "images": IMAGES,
    "masks": MASKS,
    "split": np.array([0, 0, 0, 1, 0, 1], dtype=np.uint8),
    "dataset": np.array([0, 1, 1, 0, 0, 1], dtype=np.uint8),
    "dataset_names": np.array(["DRIVE", "CHASE"]),
}


def written(folder, **changes):
    members = {name: value for name, value in (WHOLE | changes).items() if value is not None}
    np.savez_compressed(folder / "a.npz", **members)
    return folder / "a.npz"


def test_both_parts_come_with_their_masks_and_sources(tmp_path):
    sets = load_masks(written(tmp_path))
    assert (len(sets.train), len(sets.test), sets.source_names) == (4, 2, ("DRIVE", "CHASE"))
    assert np.array_equal(sets.train.images.permute(0, 2, 3, 1).numpy(), IMAGES[[0, 1, 2, 4]])
    assert np.array_equal(sets.test.masks.squeeze(1).numpy(), MASKS[[3, 5]])
    assert sets.train.source.tolist() == [0, 1, 1, 0]
    assert load_masks(written(tmp_path, dataset_names=None)).source_names == ("0", "1")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"masks": None}, "missing masks"),
        ({"masks": MASKS[:, :8]}, "images .* and masks"),
        ({"images": IMAGES[..., 0]}, "images .* and masks"),
        ({"masks": MASKS * 255}, "masks of 0 and 1"),
        ({"images": IMAGES / 255.0}, "uint8"),
        ({"split": np.zeros(6, dtype=np.uint8)}, "0 and 1 in split"),
        ({"split": np.array([0, 1], dtype=np.uint8)}, "split and dataset of every image"),
        ({"dataset": np.full(6, 2, dtype=np.uint8)}, "numbers of 2 data sets"),
    ],
)
def test_what_is_not_so_is_refused_with_the_file_named(tmp_path, changes, reason):
    with pytest.raises(DataError, match=rf"a\.npz: .*{reason}"):
        load_masks(written(tmp_path, **changes))


def part():
    return Masked(torch.from_numpy(IMAGES).permute(0, 3, 1, 2), torch.from_numpy(MASKS).unsqueeze(1), torch.arange(6))


def test_a_resized_mask_is_where_half_of_the_area_is():
    masks = torch.zeros(6, 1, 16, 16, dtype=torch.uint8)
    masks[:, :, 0, :2] = 1  # half of the first pixel of 8 x 8
    masks[:, :, 4, 4] = 1  # a quarter of another
    small = replace(part(), masks=masks).resized(8)
    assert small.images.shape == (6, 3, 8, 8)
    assert small.masks[0].nonzero().tolist() == [[0, 0, 0]]
    assert part().resized(16).images is not None
    assert torch.equal(part().resized(16).masks, part().masks)
    even = replace(part(), images=torch.full_like(part().images, 77)).resized(8)
    assert even.images.unique().tolist() == [77]


def test_patches_are_pieces_of_the_picture_and_its_mask_in_order():
    found = part().patches(8)
    assert found.source.tolist() == [number for number in range(6) for _ in range(4)]
    assert torch.equal(found.images[5], part().images[1, :, :8, 8:])
    assert torch.equal(found.masks[6], part().masks[1, :, 8:, :8])


def test_patches_of_what_no_camera_saw_are_left_out():
    dark = part()
    images = dark.images.clone()
    images[:, :, :8, :8] = 5
    images[0, :, 8:, 8:12] = 5  # half of a patch
    found = replace(dark, images=images).patches(8)
    assert torch.bincount(found.source).tolist() == [2, 3, 3, 3, 3, 3]
    assert len(replace(dark, images=images).patches(8, seen=0.5)) == 18
    assert not replace(dark, images=images).inside[0, 0, :8, :8].any()
    with pytest.raises(SettingError, match="field of view, got none"):
        replace(dark, images=torch.zeros_like(images)).patches(8)


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="at least one"):
        replace(part(), masks=part().masks[:3])
    with pytest.raises(ShapeError, match="at least one"):
        part().take(torch.arange(0))
    with pytest.raises(SettingError, match="at least 1 pixel"):
        part().resized(0)
