import torch

from dpm_flower.core.streams import stream
from dpm_flower.training.standardised_channels import standardised_by_channel

VALUES = torch.randn((6, 3, 5, 4), generator=stream(0, "values")) * torch.tensor([1e-3, 1.0, 50.0]).view(1, 3, 1, 1) + 7.0


def test_each_channel_has_mean_0_and_deviation_1_over_images_and_places():
    deviations, means = torch.std_mean(standardised_by_channel(VALUES), dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(means, torch.zeros(3), rtol=0, atol=1e-3)
    torch.testing.assert_close(deviations, torch.ones(3), rtol=1e-3, atol=0)


def test_a_channel_without_spread_comes_to_0_and_leaves_the_others_as_they_would_be():
    flat = VALUES.clone()
    flat[:, 1] = 3.0
    found = standardised_by_channel(flat)
    assert torch.equal(found[:, 1], torch.zeros_like(found[:, 1]))
    torch.testing.assert_close(found[:, [0, 2]], standardised_by_channel(VALUES)[:, [0, 2]])
