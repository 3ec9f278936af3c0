import pytest
import torch
from torchvision import models

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.feature_classifier import PUBLISHED, feature_classifier
from dpm_flower.nets.obfuscator import PUBLISHED_WIDTH, VggObfuscator, obfuscator_from


def shapes(module):
    return [tuple(parameter.shape) for parameter in module.parameters()]


def made(make):
    with global_generator_from(stream(0, "weights")):
        return make()


def test_at_the_published_width_it_is_vgg16_with_batch_norms_up_to_its_second_pooling():
    vgg = models.vgg16_bn(weights=None).features
    poolings = [place for place, layer in enumerate(vgg) if isinstance(layer, torch.nn.MaxPool2d)]
    ours = made(VggObfuscator)
    assert [type(layer).__name__.removeprefix("Standardised") for layer in ours.layers] == [
        type(layer).__name__ for layer in vgg[: poolings[1] + 1]
    ]
    assert shapes(ours) == shapes(vgg[: poolings[1] + 1])
    behind = feature_classifier(2 * PUBLISHED_WIDTH, 20, PUBLISHED)
    assert shapes(behind.trunk) == shapes(vgg[poolings[1] + 1 :])


@pytest.mark.parametrize(("width", "side"), [(2, 16), (5, 32)])
def test_it_quarters_the_side_and_answers_nothing_negative(width, side):
    features = made(lambda: VggObfuscator(width))(torch.rand(3, 3, side, side))
    assert tuple(features.shape) == (3, 2 * width, side // 4, side // 4)
    assert float(features.detach().min()) >= 0


def test_it_standardises_its_images_itself():
    network = made(lambda: VggObfuscator(2)).eval()
    first = network.layers[0]
    images = torch.rand(1, 3, 16, 16)
    standard = (images - first.mean_131) / first.deviation_131
    wanted = torch.nn.functional.conv2d(standard, first.weight, first.bias, padding=1)
    torch.testing.assert_close(first(images), wanted)


def test_from_a_featurizer_comes_a_copy_that_can_be_trained():
    featurizer = made(lambda: VggObfuscator(2)).eval().requires_grad_(False)
    obfuscator = obfuscator_from(featurizer)
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(obfuscator(images), featurizer(images))
    assert all(parameter.requires_grad for parameter in obfuscator.parameters())
    with torch.no_grad():
        next(obfuscator.parameters()).add_(1)
    assert not torch.equal(obfuscator(images), featurizer(images))


@pytest.mark.parametrize("convolutions", [(1,), (1, 1), (2, 1, 3)])
def test_a_feature_classifier_has_a_logit_for_each_output_whatever_the_sides(convolutions):
    classifier = feature_classifier(4, 7, convolutions)
    for side in (1, 4, 9):
        assert tuple(classifier(torch.rand(2, 4, side, side)).shape) == (2, 7)


def test_numbers_that_cannot_work_are_refused():
    with pytest.raises(SettingError, match="a width of at least 1, got 0"):
        VggObfuscator(0)
    for channels, outputs, convolutions in ((0, 1, (1,)), (1, 0, (1,)), (1, 1, ()), (1, 1, (1, 0))):
        with pytest.raises(SettingError, match="of at least 1, got"):
            feature_classifier(channels, outputs, convolutions)
