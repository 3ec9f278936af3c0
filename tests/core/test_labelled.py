import pytest
import torch

from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.core.labelled import UNKNOWN, Labelled, as_bytes, as_floats, joined_attributes, joined_images

IMAGES = torch.linspace(0, 1, 4 * 3 * 2 * 2).reshape(4, 3, 2, 2)
LABELS = torch.tensor([0, 2, 1, 2])


def with_pixel(value):
    images = IMAGES.clone()
    images[2, 1, 0, 1] = value
    return images


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1e-6, 1 + 1e-6])
def test_values_that_are_no_pixels_are_refused(value):
    with pytest.raises(DataError, match="finite and lie in"):
        Labelled(with_pixel(value), LABELS, 3)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_outside_the_classes_are_refused(label):
    with pytest.raises(DataError, match=r"labels must lie in \[0, 3\)"):
        Labelled(IMAGES, torch.tensor([0, label, 1, 2]), 3)


@pytest.mark.parametrize(
    ("images", "labels", "error"),
    [
        (IMAGES[0], LABELS, ShapeError),
        (IMAGES, LABELS[:3], ShapeError),
        (IMAGES, LABELS.unsqueeze(1), ShapeError),
        (IMAGES.double(), LABELS, DataError),
        ((IMAGES * 255).to(torch.int16), LABELS, DataError),
        (IMAGES, LABELS.int(), DataError),
    ],
)
def test_other_shapes_and_types_are_refused(images, labels, error):
    with pytest.raises(error, match="got"):
        Labelled(images, labels, 3)


def test_take_gives_these_images_in_this_order():
    taken = Labelled(IMAGES, LABELS, 3).take(torch.tensor([3, 0, 3]))
    assert torch.equal(taken.images, IMAGES[[3, 0, 3]])
    assert taken.labels.tolist() == [2, 0, 2]
    assert (len(taken), taken.classes) == (3, 3)


def test_a_set_may_be_empty():
    assert len(Labelled(IMAGES, LABELS, 3).take(torch.tensor([], dtype=torch.int64))) == 0


LEVELS = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)


def test_images_may_be_bytes():
    labelled = Labelled(LEVELS, torch.tensor([0]), 1)
    assert labelled.take(torch.tensor([0, 0])).images.dtype == torch.uint8


def test_every_byte_survives_as_a_float_and_stands_for_its_share_of_the_brightest():
    floats = as_floats(LEVELS)
    assert floats.dtype == torch.float32
    assert torch.equal(floats.flatten(), torch.arange(256) / 255)
    assert torch.equal(as_bytes(floats), LEVELS)
    assert LEVELS.flatten()[7] == 7  # what is converted stays as it was


def test_floats_go_to_the_nearest_level():
    floats = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert float((as_floats(as_bytes(floats)) - floats).abs().max()) <= 0.5 / 255 + 1e-6
    assert as_bytes(torch.tensor([1.0, 0.999])).tolist() == [255, 255]


def test_what_is_converted_already_is_given_back():
    assert as_floats(IMAGES) is IMAGES
    assert as_bytes(LEVELS) is LEVELS


def test_joined_bytes_stay_bytes_and_mixed_ones_mean_the_same():
    assert torch.equal(joined_images([LEVELS, LEVELS]), torch.cat((LEVELS, LEVELS)))
    floats = as_floats(LEVELS)
    for sets in ([floats, LEVELS], [LEVELS, floats], [floats, floats]):
        assert torch.equal(joined_images(sets), torch.cat((floats, floats)))


KNOWN = torch.tensor([[0, 1], [1, UNKNOWN], [1, 0], [UNKNOWN, UNKNOWN]], dtype=torch.uint8)


def test_attributes_stay_with_their_images():
    labelled = Labelled(IMAGES, LABELS, 3, KNOWN)
    assert labelled.take(torch.tensor([3, 0])).attributes.tolist() == [[UNKNOWN, UNKNOWN], [0, 1]]
    assert Labelled(IMAGES, LABELS, 3).take(torch.tensor([3, 0])).attributes is None


@pytest.mark.parametrize(
    ("attributes", "error", "reason"),
    [
        (KNOWN[:3], ShapeError, r"of 4 images, got \(3, 2\)"),
        (KNOWN[:, 0], ShapeError, r"got \(4,\)"),
        (KNOWN[:, :0], ShapeError, r"got \(4, 0\)"),
        (KNOWN.long(), DataError, "uint8 attributes, got torch.int64"),
        (KNOWN.clamp_max(254), DataError, r"0, 1 or 255 \(unknown\), got \[254\]"),
    ],
)
def test_other_attributes_are_refused(attributes, error, reason):
    with pytest.raises(error, match=reason):
        Labelled(IMAGES, LABELS, 3, attributes)


def test_joined_attributes_are_unknown_where_a_set_has_none():
    one, other = Labelled(IMAGES, LABELS, 3, KNOWN), Labelled(IMAGES[:2], LABELS[:2], 3)
    assert torch.equal(joined_attributes([one, other]), torch.cat((KNOWN, torch.full((2, 2), UNKNOWN, dtype=torch.uint8))))
    assert joined_attributes([other, one])[:2].unique().tolist() == [UNKNOWN]
    assert joined_attributes([other, other]) is None
