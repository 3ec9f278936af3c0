import pytest
import torch
from torch import nn

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.feature_autoencoder import FeatureAutoencoder

FEATURES = torch.randn(2, 12, 6, 5, generator=stream(0, "features"))


def built(*knobs, **named):
    with global_generator_from(stream(0, "autoencoder")):
        return FeatureAutoencoder(*knobs, **named).eval()


def test_the_published_widths():
    one = built(192)
    convolutions = [module for module in one.modules() if isinstance(module, nn.Conv2d)]
    widths = [(192, 128), (128, 128), (128, 128), (128, 64), (64, 128), (128, 128), (128, 128), (128, 192)]
    assert [(each.in_channels, each.out_channels) for each in convolutions] == widths
    assert {each.kernel_size for each in convolutions} == {(3, 3)}
    assert sum(isinstance(module, nn.SiLU) for module in one.modules()) == 6


@pytest.mark.parametrize(("knobs", "bottleneck"), [({}, 4), ({"inner": 3, "bottleneck": 2}, 2), ({"bottleneck": 30}, 30)])
def test_it_is_the_encoder_and_then_the_decoder(knobs, bottleneck):
    one = built(12, **knobs)
    narrow = one.encode(FEATURES)
    assert narrow.shape == (2, bottleneck, 6, 5)
    assert torch.equal(one(FEATURES), one.decode(narrow))
    assert one(FEATURES).shape == FEATURES.shape


def test_it_ends_as_the_features_do():
    assert float(built(12)(FEATURES).min()) == 0
    assert float(built(12, non_negative=False)(FEATURES).min()) < 0


def test_the_same_stream_gives_the_same_weights():
    assert torch.equal(built(12)(FEATURES), built(12)(FEATURES))


@pytest.mark.parametrize("knobs", [(0,), (12, 0), (12, 3, 0), (12, 3, -1)])
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="at least"):
        FeatureAutoencoder(*knobs)


def test_features_and_bottlenecks_of_another_width_are_refused():
    one = built(12)
    with pytest.raises(ShapeError, match=r"wanted features of shape \(B, 12"):
        one(FEATURES[:, :4])
    with pytest.raises(ShapeError, match=r"wanted a bottleneck of shape \(B, 4"):
        one.decode(FEATURES)


def test_one_channel_is_enough():
    assert built(1)(torch.ones(1, 1, 1, 1)).shape == (1, 1, 1, 1)
