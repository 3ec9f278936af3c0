from dataclasses import replace

import pytest

from dpm_flower.payload.binding import Binding

ONE = Binding(sender="entity-b", campaign="c-0123", sequence=5)


def test_no_two_things_have_the_same_bytes():
    releases = [ONE, replace(ONE, sender="entity-c"), replace(ONE, campaign="c-0124"), replace(ONE, sequence=6)]
    found = [release.shard(position) for release in releases for position in range(3)]
    found += [release.recipient(name) for release in releases for name in ("entity-a", "0", "1")]
    assert len(set(found)) == len(found) == 24


@pytest.mark.parametrize("name", ['a","sender":"x', "a\\", "ü"])
def test_no_name_can_pass_for_another_field(name):
    assert replace(ONE, sender=name).recipient("a") != replace(ONE, sender="x").recipient("a")
    assert ONE.recipient(name).isascii()
