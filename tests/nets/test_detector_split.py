"""A detector cut anywhere answers as it did uncut, bit for bit: losses in training mode, boxes in evaluation mode."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision.models import detection, mobilenet_v3_small
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.ssd import SSD

from dpm_flower.core.errors import HookError, SettingError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.detector_split import Size, Target, split_detector
from dpm_flower.nets.hooks import hook_points
from dpm_flower.nets.small_detector import small_faster_rcnn
from dpm_flower.nets.tracing import trace

SIZE = (32, 40)


def small() -> nn.Module:
    return small_faster_rcnn(8, 2, SIZE, stream(0, "detector"))


def pyramid(kind: Callable[..., nn.Module]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        with global_generator_from(stream(0, "detector")), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5, norm_layer=nn.BatchNorm2d)
            return kind(backbone, num_classes=3, min_size=64, max_size=64)

    return make


def ssd() -> nn.Module:
    with global_generator_from(stream(0, "detector")):
        features = mobilenet_v3_small(weights=None).features[:4]
        features.out_channels = [24]
        anchors = detection.anchor_utils.DefaultBoxGenerator([[2]])
        return SSD(features, anchors, (64, 64), num_classes=3)


def ssdlite() -> nn.Module:
    """torchvision's own, six maps and all."""
    with global_generator_from(stream(0, "detector")):
        return detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)


def images_of(size: Size) -> torch.Tensor:
    return torch.rand(2, 3, *size, generator=stream(0, "images"))


def targets_of() -> list[Target]:
    boxes = torch.tensor([[2.0, 3.0, 20.0, 25.0], [10.0, 10.0, 30.0, 28.0]])
    return [{"boxes": boxes.clone(), "labels": torch.tensor([1, 2])} for _ in range(2)]


def hooks(make: Callable[[], nn.Module], size: Size) -> list[str]:
    return [point.name for point in hook_points(trace(make().backbone, maps=True), *size)]


def assert_cut_changes_nothing(make: Callable[[], nn.Module], hook: str, size: Size) -> None:
    whole, (featurizer, decider, point) = make(), split_detector(make(), hook, size)
    images = images_of(size)
    for module in (whole, featurizer, decider):
        module.train()
    with global_generator_from(stream(1)):
        wanted = whole(list(images), targets_of())
    with global_generator_from(stream(1)):
        features = featurizer(images)
        losses = decider(features, targets_of())
    assert tuple(features.shape[1:]) == point.shape
    assert losses.keys() == wanted.keys()
    assert all(torch.equal(losses[name], wanted[name]) for name in wanted)
    sum(losses.values()).backward()
    sum(wanted.values()).backward()
    for module in (whole, featurizer, decider):
        module.eval()
    with torch.no_grad():
        for got, one in zip(decider(featurizer(images)), whole(list(images)), strict=True):
            assert got.keys() == one.keys()
            assert all(torch.equal(got[name], one[name]) for name in one)


@pytest.mark.parametrize("hook", hooks(small, SIZE))
def test_a_small_detector_is_the_same_cut_anywhere(hook: str) -> None:
    assert_cut_changes_nothing(small, hook, SIZE)


@pytest.mark.parametrize(
    "make", [pyramid(detection.FasterRCNN), pyramid(detection.RetinaNet), ssd], ids=["faster-rcnn-fpn", "retinanet", "ssd"]
)
def test_torchvisions_detectors_are_the_same_cut_anywhere(make: Callable[[], nn.Module]) -> None:
    names = hooks(make, (64, 64))
    assert len(names) > 3
    for hook in names:
        assert_cut_changes_nothing(make, hook, (64, 64))


def test_ssdlite_is_the_same_cut_early_in_the_middle_and_as_late_as_it_can_be() -> None:
    names = hooks(ssdlite, (320, 320))
    for hook in (names[0], names[len(names) // 2], names[-1]):
        assert_cut_changes_nothing(ssdlite, hook, (320, 320))


def test_behind_a_pyramid_s_lowest_level_nothing_can_be_cut() -> None:
    with pytest.raises(HookError, match="conv2_2"):
        split_detector(pyramid(detection.FasterRCNN)(), "conv3_1", (64, 64))


def test_the_maps_are_what_the_heads_read() -> None:
    featurizer, decider, _ = split_detector(small(), "conv3_1", SIZE)
    (one,) = decider.eval().maps(featurizer.eval()(images_of(SIZE))).values()
    assert tuple(one.shape) == (2, 64, 8, 10)


def test_gradients_reach_the_features_and_both_halves() -> None:
    featurizer, decider, _ = split_detector(small(), "conv2_1", SIZE)
    features = featurizer(images_of(SIZE))
    features.retain_grad()
    sum(decider(features, targets_of()).values()).backward()
    assert float(features.grad.abs().sum()) > 0
    assert all(parameter.grad is not None for parameter in featurizer.parameters() if parameter.requires_grad)


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(SettingError, match="wanted one of torchvision's detectors, with a backbone, got Linear"):
        split_detector(nn.Linear(1, 1), "conv1", SIZE)
    with pytest.raises(SettingError, match=r"images of \(64, 80\), got one that makes \(32, 40\)"):
        split_detector(small(), "conv3_1", (64, 80))
    several = small()
    several.transform.min_size = (32, 64)
    with pytest.raises(SettingError, match="draws from"):
        split_detector(several, "conv3_1", SIZE)
