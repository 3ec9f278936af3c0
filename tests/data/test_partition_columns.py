import dataclasses

import pytest

from dpm_flower.core.errors import PartitionError
from dpm_flower.data.dataset import Column
from dpm_flower.data.partition_columns import numbered, numbered_column
from tests.data.made import numbered_set


def test_numbers_stand_for_the_values_of_both_parts():
    dataset = dataclasses.replace(numbered_set([2, 1], [1, 1]), columns={"ward": Column(("b", "a", "b"), ("c", "b"))})
    column = numbered(dataset, "ward")
    assert column.values == ("a", "b", "c")
    assert [column.values[number] for number in column.train.tolist()] == ["b", "a", "b"]
    assert [column.values[number] for number in column.test.tolist()] == ["c", "b"]


def test_a_column_that_does_not_exist_is_refused_with_those_that_do():
    dataset = numbered_set([2, 1], [1, 1])
    with pytest.raises(PartitionError, match="wanted a column 'ward', got a data set with these columns: none"):
        numbered(dataset, "ward")
    both = {"site": Column(("a",) * 3, ("a",) * 2), "age": Column(("9",) * 3, ("9",) * 2)}
    with pytest.raises(PartitionError, match="these columns: age, site"):
        numbered(dataclasses.replace(dataset, columns=both), "ward")


@pytest.mark.parametrize("nothing", ["", "  ", "nan", "NaN", "NA", "None", "<NA>"])
def test_images_without_a_value_are_refused_and_counted(nothing):
    column = Column(("a", nothing, "nancy", nothing), ("b", "a", nothing))
    with pytest.raises(PartitionError, match=r"ward: wanted a value for every image, got none .* for 2 of 4 training images and 1 of 3"):
        numbered_column(column, "ward")
    dataset = dataclasses.replace(numbered_set([2, 1], [1, 1]), columns={"ward": Column(("a", "b", "b"), (nothing, "b"))})
    with pytest.raises(PartitionError, match=r"numbered: 'ward': .* for 0 of 3 training images and 1 of 2 test images"):
        numbered(dataset, "ward")
