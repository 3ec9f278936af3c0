import torch
from sklearn.datasets import load_digits

from dpm_flower.data.digits import digits
from dpm_flower.data.repeats import image_digests


def test_sizes_range_and_names():
    data = digits(12)
    assert (len(data.train), len(data.test), data.side) == (1297, 500, 12)
    assert data.class_names == tuple("0123456789")
    assert torch.equal(data.train.images[:, 0], data.train.images[:, 2])
    assert data.notes == ("images of 8 x 8 pixels were resized to 12 x 12",)


def test_the_test_set_has_the_class_mix_of_the_whole():
    whole = torch.bincount(torch.from_numpy(load_digits().target)).double()
    assert (torch.bincount(digits(8).test.labels) - whole * 500 / 1797).abs().max() < 1


def test_every_digit_is_there_once_and_the_split_is_fixed():
    data, again = digits(8), digits(8)
    ours = image_digests(torch.cat((data.train.images, data.test.images)))
    source = torch.from_numpy(load_digits().images / 16.0).float().unsqueeze(1).expand(-1, 3, -1, -1)
    assert sorted(ours) == sorted(image_digests(source))
    assert torch.equal(data.test.images, again.test.images)
    assert torch.equal(data.test.labels, again.test.labels)


def test_labels_belong_to_their_images():
    source = load_digits()
    label_of = dict(zip(image_digests(torch.from_numpy(source.images / 16.0).float().unsqueeze(1)), source.target.tolist(), strict=True))
    data = digits(8)
    assert [label_of[digest] for digest in image_digests(data.test.images[:, :1])] == data.test.labels.tolist()
