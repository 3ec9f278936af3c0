import numpy as np
import pytest

from dpm_flower.data.npz_archive import opened_archive
from dpm_flower.data.npz_columns import columns_of

PARTS = {"train": 3, "val": 1, "test": 2}


def columns(tmp_path, **members):
    np.savez(tmp_path / "a.npz", **members)
    with opened_archive(tmp_path / "a.npz") as archive:
        return columns_of(archive, PARTS)


def three(name, *values):
    """Six values -> members for the parts of three, one and two images."""
    array = np.array(values)
    return {f"{name}_train": array[:3], f"{name}_val": array[3:4], f"{name}_test": array[4:]}


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (("p", "q", "p", "", "r", "q"), ("p", "q", "p", "", "r", "q")),
        ((1, 2, 30, 4, -5, 6), ("1", "2", "30", "4", "-5", "6")),
        ((0.5, 1.0, 2.0, 3.0, 4.0, 5.0), ("0.5", "1", "2", "3", "4", "5")),
        ((True, False, True, True, False, True), ("True", "False", "True", "True", "False", "True")),
    ],
)
def test_values_become_their_text_and_val_goes_to_train(tmp_path, values, texts):
    found, left_out = columns(tmp_path, **three("a_b", *values))
    assert found["a_b"].train + found["a_b"].test == texts
    assert len(found["a_b"].train) == 4
    assert left_out == ()


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int8, np.uint64])
def test_a_patient_has_one_name_whatever_type_a_part_keeps_numbers_in(tmp_path, kind):
    members = {"p_train": np.array([1, 2, 30]), "p_val": np.array([2], kind), "p_test": np.array([1, 30], kind)}
    found, _ = columns(tmp_path, **members)
    assert found["p"].train + found["p"].test == ("1", "2", "30", "2", "1", "30")


def test_a_missing_number_makes_the_others_of_its_part_no_strangers(tmp_path):
    members = {"p_train": np.array([1, 2, 3]), "p_val": np.array([2]), "p_test": np.array([np.nan, 3])}
    found, _ = columns(tmp_path, **members, p_names=np.array(["x", "y", "z"]))
    assert found["p"].train + found["p"].test == ("y", "z", "3", "z", "nan", "3")


def test_numbers_that_are_not_whole_have_one_name_too(tmp_path):
    members = {"dose_train": np.array([0.1, 2.5, -0.0]), "dose_val": np.array([0.1], np.float32), "dose_test": np.array([np.inf, 0.5])}
    found, _ = columns(tmp_path, **members)
    assert found["dose"].train + found["dose"].test == ("0.1", "2.5", "0", "0.1", "inf", "0.5")


def test_yes_and_no_beside_ones_and_zeros_are_numbers(tmp_path):
    members = {"ill_train": np.array([True, False, True]), "ill_val": np.array([1]), "ill_test": np.array([0.0, 1.0])}
    found, _ = columns(tmp_path, **members)
    assert found["ill"].train + found["ill"].test == ("1", "0", "1", "1", "0", "1")


def test_numbers_become_names_where_they_fit(tmp_path):
    found, _ = columns(tmp_path, **three("sex", 0, 1, 255, -1, 1, 2), sex_names=np.array(["male", "female"]))
    assert found["sex"].train + found["sex"].test == ("male", "female", "255", "-1", "female", "2")


def test_names_of_what_has_names_already_change_nothing(tmp_path):
    found, _ = columns(tmp_path, **three("place", *"abcdef"), place_names=np.array(["x"]))
    assert found["place"].train + found["place"].test == tuple("abcdef")


@pytest.mark.parametrize("gone", ["a_val", "a_test"])
def test_a_column_that_lacks_a_part_is_none(tmp_path, gone):
    members = three("a", *"abcdef")
    del members[gone]
    assert columns(tmp_path, **members) == ({}, ("a_train",))


def test_what_is_no_text_and_no_number_is_none(tmp_path):
    assert columns(tmp_path, **three("day", *np.arange(6).astype("M8[D]"))) == ({}, ("day_train",))


def test_images_and_labels_are_no_columns(tmp_path):
    assert columns(tmp_path, **three("x", *range(6)), **three("y", *range(6)), other=np.arange(3)) == ({}, ())
