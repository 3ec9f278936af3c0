import torch
from sklearn.datasets import load_digits

from dpm_flower.core.labelled import as_bytes
from dpm_flower.data.digits import digits


def pictures(images):
    """Images (N,3,8,8) -> the bytes of their first channel."""
    return [image[0].numpy().tobytes() for image in images]


def source():
    bunch = load_digits()
    images = as_bytes(torch.from_numpy(bunch.images / 16.0).float().unsqueeze(1))
    return dict(zip(pictures(images), bunch.target.tolist(), strict=True)), len(images)


def test_sizes_range_and_names():
    data = digits(12).decoded()
    assert (len(data.train), len(data.test), data.side) == (1297, 500, 12)
    assert data.class_names == tuple("0123456789")
    assert data.train.images.dtype == torch.uint8
    assert torch.equal(data.train.images[:, 0], data.train.images[:, 2])
    assert data.notes == ("images of 8 x 8 pixels were resized to 12 x 12",)


def test_the_test_set_has_the_class_mix_of_the_whole():
    whole = torch.bincount(torch.from_numpy(load_digits().target)).double()
    assert (torch.bincount(digits(8).test.labels) - whole * 500 / 1797).abs().max() < 1


def test_every_digit_is_there_once_and_the_split_is_fixed():
    data, again = digits(8).decoded(), digits(8).decoded()
    ours = pictures(torch.cat((data.train.images, data.test.images)))
    label_of, count = source()
    assert len(ours) == count
    assert set(ours) == set(label_of)
    assert torch.equal(data.test.images, again.test.images)
    assert torch.equal(data.test.labels, again.test.labels)


def test_labels_belong_to_their_images():
    label_of, _ = source()
    for part in (digits(8).decoded().train, digits(8).decoded().test):
        assert [label_of[picture] for picture in pictures(part.images)] == part.labels.tolist()
