import pytest
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.data.attributes import attribute_classes

ROWS = torch.tensor([[0, 1], [1, 1], [1, 0]], dtype=torch.uint8)


def test_the_named_column_is_taken():
    labels, names = attribute_classes(ROWS, ["Male", "Young"], "Young", "x")
    assert labels.tolist() == [1, 1, 0]
    assert labels.dtype == torch.int64
    assert names == ("not Young", "Young")


def test_an_unknown_attribute_is_told_the_known_ones():
    with pytest.raises(DataError, match="x: wanted one of its attributes as label, Male, Young; got 'Old'"):
        attribute_classes(ROWS, ["Male", "Young"], "Old", "x")


@pytest.mark.parametrize("value", [-1, 2])
def test_values_that_are_neither_yes_nor_no_are_refused(value):
    rows = ROWS.long()
    rows[1, 0] = value
    with pytest.raises(DataError, match="as 0 and 1"):
        attribute_classes(rows, ["Male", "Young"], "Male", "x")
