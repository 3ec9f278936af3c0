import pytest

from dpm_flower.core.above_zero import check_above_zero
from dpm_flower.core.errors import SettingError


@pytest.mark.parametrize("value", [0, 0.0, -1, float("-inf"), float("nan")])
def test_what_is_not_above_zero_is_refused_by_its_name(value):
    with pytest.raises(SettingError, match=f"^wait_s must be > 0, got {value}$"):
        check_above_zero(start_s=1.0, wait_s=value, end_s=-2.0)


def test_the_least_float_and_infinity_are_above_zero():
    check_above_zero(least=5e-324, most=float("inf"))
