import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.core.partition import Shares


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"entities": ()}, "at least one entity"),
        ({"entities": (("a", 0.1), ("a", 0.2))}, "different names"),
        ({"entities": (("", 0.1),)}, "an entity's name"),
        ({"entities": (("-", 0.1),)}, "an entity's name"),
        ({"entities": (("a/b", 0.1),)}, "an entity's name"),
        ({"entities": (("ä", 0.1),)}, "an entity's name"),
        ({"entities": (("a", 0.0),)}, "shares must be > 0"),
        ({"entities": (("a", float("nan")),)}, "shares must be > 0"),
        ({"entities": (("a", 0.6), ("b", 0.5))}, "at most 1"),
        ({"public": 0.0}, "public must lie"),
        ({"public": 1.0}, "public must lie"),
        ({"public": float("nan")}, "public must lie"),
        ({"validation": 0.0}, "validation must lie"),
        ({"validation": 1.0}, "validation must lie"),
    ],
)
def test_shares_that_cannot_be_dealt_are_refused(settings, reason):
    with pytest.raises(SettingError, match=reason):
        Shares(**({"entities": (("a", 0.5),)} | settings))


def test_names_keep_the_order_of_the_partition_numbers():
    assert Shares(entities=(("z", 0.1), ("a-1", 0.2), ("M", 0.3))).names == ("z", "a-1", "M")


def test_shares_may_add_up_to_everything_despite_rounding():
    Shares(entities=tuple((f"e{number}", 0.1) for number in range(10)))
