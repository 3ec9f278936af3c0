import json

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.released_spec import ImageSpec, MaskedSpec
from dpm_flower.payload.schema import manifest_schema
from tests.payload.confidential_examples import released
from tests.payload.examples import manifest
from tests.payload.test_manifest import ENTRY, MANIFESTS

VALIDATOR = Draft202012Validator(manifest_schema())


def plain(one):
    return json.loads(one.to_bytes())


def test_it_is_a_schema_and_travels_as_json():
    Draft202012Validator.check_schema(manifest_schema())
    assert json.loads(json.dumps(manifest_schema())) == manifest_schema()


@settings(max_examples=60, deadline=None)
@given(MANIFESTS)
def test_every_manifest_fits(one):
    assert list(VALIDATOR.iter_errors(plain(one))) == []


@pytest.mark.parametrize(
    "one",
    [
        manifest(),
        released()[0],
        released(confidential=False)[0],
        manifest(spec=ImageSpec(shape=(3, 8, 8))),
        manifest(spec=MaskedSpec(shape=(3, 8, 8))),
    ],
)
def test_so_do_those_that_are_made(one):
    assert list(VALIDATOR.iter_errors(plain(one))) == []


@pytest.mark.parametrize("one", [manifest(), released()[0]])
def test_every_part_is_wanted_and_no_other_is_taken(one):
    good = plain(one)
    for key in good:
        assert not VALIDATOR.is_valid({name: value for name, value in good.items() if name != key}), key
        assert not VALIDATOR.is_valid(good | {key: [None]}), key
    assert not VALIDATOR.is_valid(good | {"more": 1})


OPEN, SEALED = plain(manifest()), plain(released()[0])


@pytest.mark.parametrize(
    "value",
    [
        OPEN | {"version": 1},
        OPEN | {"campaign": "a/b"},
        OPEN | {"sender": ".."},
        OPEN | {"sender": "a\0b"},
        OPEN | {"sender": "a..b"},
        OPEN | {"sender": "n" * 129},
        OPEN | {"method": "../dpm"},
        OPEN | {"method": ""},
        OPEN | {"method": "a\\b"},
        OPEN | {"round": -1},
        OPEN | {"sequence": 2**53},
        OPEN | {"samples": 0},
        OPEN | {"classes": 2**25},
        OPEN | {"kind": "images"},
        OPEN | {"kind": "updates"},
        OPEN | {"spec": OPEN["spec"] | {"dtype": "float64"}},
        OPEN | {"spec": OPEN["spec"] | {"shape": [1, 2]}},
        OPEN | {"spec": OPEN["spec"] | {"codec": ""}},
        OPEN | {"spec": OPEN["spec"] | {"codec": "avif-060"}},
        OPEN | {"spec": OPEN["spec"] | {"more": 1}},
        OPEN | {"shards": []},
        OPEN | {"shards": [ENTRY | {"name": "../a"}]},
        OPEN | {"shards": [ENTRY | {"size_bytes": 2**40}]},
        OPEN | {"shards": [ENTRY | {"compression": "gzip"}]},
        OPEN | {"audit": {"A0": "0.5"}},
        OPEN | {"audit_log_head": "ab"},
        OPEN | {"encryption": "rot13"},
        OPEN | {"key_commitment": "0" * 64},
        OPEN | {"wrapped_keys": SEALED["wrapped_keys"]},
        OPEN | {"recipients": ["a", "a"]},
        SEALED | {"encryption": "none"},
        SEALED | {"key_commitment": ""},
        SEALED | {"wrapped_keys": {}},
        SEALED | {"wrapped_keys": {"a": "c2hvcnQ="}},
        SEALED | {"recipients": []},
    ],
)
def test_what_does_not_fit_is_refused_by_the_reader_too(value):
    assert not VALIDATOR.is_valid(value)
    with pytest.raises(ReleaseError):
        Manifest.from_bytes(canonical(value))
