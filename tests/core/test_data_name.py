"""Placeholders in a study's data give way to the paths of their numbers, and to nothing else."""

import pytest

from dpm_flower.core.data_name import filled, paths_in, placeholders
from dpm_flower.core.errors import StudyError


def test_placeholders_are_found_and_filled_by_number():
    assert placeholders("{1}?label={0}") == {0, 1}
    assert filled("{1}?label=Male", "a.npz, b.npz") == "b.npz?label=Male"
    assert filled("{0}", "a.npz") == "a.npz"


@pytest.mark.parametrize("data", ["digits", "a{b}.npz", "{}", ""])
def test_data_without_placeholders_gives_way_as_a_whole_commas_and_all(data):
    assert placeholders(data) == frozenset()
    assert filled(data, "x,y.npz") == "x,y.npz"
    assert filled(data, "") == data


def test_a_path_is_filled_in_as_it_stands():
    assert filled("{0}", r"a\1{1}.npz") == r"a\1{1}.npz"


@pytest.mark.parametrize(("data", "given"), [("{0}", ""), ("{1}", "a.npz"), ("{0}", ",b.npz"), ("{0}", "  ")])
def test_a_placeholder_without_path_is_refused(data, given):
    with pytest.raises(StudyError, match="wanted a path for"):
        filled(data, given)


def test_nothing_given_is_no_path():
    assert paths_in("") == paths_in(" ") == ()
    assert paths_in("a, b") == ("a", "b")
