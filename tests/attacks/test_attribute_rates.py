import pytest
import torch

from dpm_flower.attacks.attribute_rates import attribute_rates
from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labelled

LABELS = torch.tensor([0, 0, 0, 1, 1, 1])
KNOWN = torch.tensor([[1, 0], [1, 255], [0, 255], [0, 1], [0, 1], [0, 255]], dtype=torch.uint8)


def test_rates_are_shares_of_a_class_drawn_a_little_to_that_of_all():
    rates = attribute_rates(Labelled(torch.zeros(6, 3, 2, 2), LABELS, 3, KNOWN))
    assert rates[0].tolist() == pytest.approx([(2 + 3 / 8) / 4, (0 + 3 / 5) / 2])
    assert rates[1].tolist() == pytest.approx([(0 + 3 / 8) / 4, (2 + 3 / 5) / 3])
    assert rates[2].tolist() == pytest.approx([3 / 8, 3 / 5])  # nobody has seen an image of it
    assert bool(((rates > 0) & (rates < 1)).all())


def test_images_without_attributes_are_refused():
    with pytest.raises(DataError, match="got none"):
        attribute_rates(Labelled(torch.zeros(6, 3, 2, 2), LABELS, 3))
