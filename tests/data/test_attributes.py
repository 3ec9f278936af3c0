import pytest
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.data.attributes import MOST_VALUES, attribute_classes, attribute_columns, named_attributes
from dpm_flower.data.dataset import Column

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


def made(*chosen, **columns):
    """Attributes of columns of four training images and one test image."""
    return named_attributes(chosen, {name: Column(tuple(values[:4]), tuple(values[4:])) for name, values in columns.items()}, "x")


def test_zeros_and_ones_are_one_attribute_of_the_column_s_name():
    found = made("ill", ill=["0", "1", "255", "1", "0"])
    assert (found.names, found.train.tolist(), found.test.tolist()) == (("ill",), [[0], [1], [255], [1]], [[0]])
    assert found.train.dtype == found.test.dtype == torch.uint8
    assert made("ill", ill=["False", "True", "True", "", "True"]).train.tolist() == [[0], [1], [1], [255]]


def test_of_two_other_values_the_second_is_an_attribute():
    found = made("sex", sex=["male", "female", "unknown", "male", "NaN"])
    assert (found.names, found.train.tolist(), found.test.tolist()) == (("sex=male",), [[1], [0], [255], [1]], [[255]])


def test_of_more_values_each_is_an_attribute_and_columns_come_in_the_order_in_which_they_were_named():
    found = made("place", "ill", ill=["0", "1", "1", "1", "0"], place=["back", "ear", "unknown", "arm", "ear"])
    assert found.names == ("place=arm", "place=back", "place=ear", "ill")
    assert found.train.tolist() == [[0, 1, 0, 0], [0, 0, 1, 1], [255, 255, 255, 1], [1, 0, 0, 1]]
    assert found.test.tolist() == [[0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["a", "a", "unknown", "a", ""], "wanted 2 to 20 known values to make attributes of, got 1"),
        (["unknown"] * 5, "got 0"),
        ([*"abcd", "e"], ""),
    ],
)
def test_a_column_of_one_value_is_refused(values, reason):
    if not reason:
        assert len(made("who", who=values).names) == 5
        return
    with pytest.raises(DataError, match=f"x: who: .*{reason}"):
        made("who", who=values)


def test_a_column_of_too_many_values_is_refused_since_it_says_who_that_is():
    values = [f"patient {number}" for number in range(MOST_VALUES + 1)]
    with pytest.raises(DataError, match="wanted 2 to 20 known values to make attributes of, got 21"):
        made("who", who=values)
    assert len(made("who", who=values[1:]).names) == MOST_VALUES


def test_an_unknown_column_is_told_the_known_ones_too():
    with pytest.raises(DataError, match="x: wanted columns or attributes of the data as attributes, got age, who; its columns are sex"):
        made("age", "sex", "who", sex=["0", "1", "1", "1", "0"])


def test_attributes_are_columns_of_their_numbers():
    found = attribute_columns(ROWS[:2], ROWS[2:].long(), ["Male", "Young"], "x")
    assert (found["Male"].train, found["Male"].test, found["Young"].train) == (("0", "1"), ("1",), ("1", "1"))
    with pytest.raises(DataError, match=r"x: wanted attributes as 0, 1 or 255 \(unknown\), got \[-1, 2\]"):
        attribute_columns(ROWS[:2].long() * -1, ROWS[2:] * 2, ["Male", "Young"], "x")
