import torch

from dpm_flower.core.streams import stream
from dpm_flower.nets.vgg_block import VggBlock


def test_it_is_two_convolutions_beside_the_identity() -> None:
    block = VggBlock(4, final_relu=False)
    features = torch.randn(3, 4, 5, 5, generator=stream(1))
    assert torch.equal(block(features), block.conv2(block.conv1(features).relu()) + features)


def test_it_treats_an_image_alone_as_in_company_also_while_training() -> None:
    block = VggBlock(4).train()
    features = torch.randn(3, 4, 5, 5, generator=stream(1))
    torch.testing.assert_close(block(features[:1]), block(features)[:1])
