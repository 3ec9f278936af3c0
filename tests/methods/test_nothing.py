from dpm_flower.core.protocols import SharingMethod
from dpm_flower.methods.nothing import Nothing


def test_nothing_is_a_method_that_shares_nothing():
    assert isinstance(Nothing(), SharingMethod)
    assert Nothing().name == "nothing"
    assert Nothing().prepare(None) is None
