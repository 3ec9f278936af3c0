import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.entity_name import dns_name, entity_name, entity_uri, named_in

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


@settings(max_examples=30, deadline=None)
@given(NAMES)
def test_a_name_comes_back_from_its_uri_and_is_a_label_of_its_dns_name(name):
    assert entity_name(name) == named_in(entity_uri(name)) == name
    assert dns_name(name).split(".") == [name, "entity", "dpm"]


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a.b", "a" * 64, "a\n", "a\0", "ä", "../a", " a", 7, None])
def test_other_names_are_refused(name):
    for takes in (entity_name, dns_name, entity_uri):
        with pytest.raises(ReleaseError, match="1 to 63 lower-case"):
            takes(name)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("spiffe://entity/a", "wanted a URI"),
        ("DPM-FLOWER://entity/a", "wanted a URI"),
        ("dpm-flower://entity/", "1 to 63"),
        ("dpm-flower://entity/a/b", "1 to 63"),
        ("dpm-flower://entity/a?b", "1 to 63"),
        ("x dpm-flower://entity/a", "wanted a URI"),
    ],
)
def test_other_uris_are_refused(uri, said):
    with pytest.raises(ReleaseError, match=said):
        named_in(uri)
