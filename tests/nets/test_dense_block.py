import torch
from torchvision.models import densenet

from dpm_flower.core.streams import stream
from dpm_flower.nets.dense_block import DenseBlock


def test_it_is_torchvision_s_layer_added_to_its_input() -> None:
    theirs, ours = densenet._DenseLayer(32, growth_rate=32, bn_size=4, drop_rate=0), DenseBlock(32, final_relu=False)
    ours.load_state_dict(theirs.state_dict())
    features = torch.randn(3, 32, 5, 5, generator=stream(1))
    assert torch.equal(ours(features), theirs(features) + features)


def test_without_its_last_convolution_it_is_the_identity_also_for_negative_values() -> None:
    block = DenseBlock(4, final_relu=False)
    torch.nn.init.zeros_(block.conv2.weight)
    features = torch.randn(3, 4, 5, 5, generator=stream(1))
    assert torch.equal(block(features), features)
