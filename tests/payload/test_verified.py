import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

import dpm_flower
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.verified import AuthenticRelease, VerifiedRelease
from tests.payload.confidential_examples import READER, released
from tests.payload.examples import expectation, manifest
from tests.payload.unsigned import Unsigned


def verified():
    return Unsigned().verify(Unsigned().seal(manifest()), expectation())


def authentic():
    return Unsigned().authenticate(Unsigned().seal(manifest()), expectation())


@pytest.fixture(params=[verified, authentic])
def release(request):
    return request.param()


def test_none_is_made_by_accident(release):
    for proof in (None, object(), True):
        with pytest.raises(ReleaseError, match="an envelope is a claim"):
            type(release)(release.manifest, release.envelope, proof)


def test_none_is_made_from_another(release):
    with pytest.raises((ValueError, TypeError)):
        replace(release, manifest=manifest(samples=99))
    with pytest.raises(FrozenInstanceError):
        release.manifest = manifest(samples=99)


def test_a_verified_release_is_an_authentic_one_and_not_the_other_way():
    assert isinstance(verified(), AuthenticRelease)
    assert not isinstance(authentic(), VerifiedRelease)
    assert authentic().digest == verified().digest


def test_a_key_is_shown_to_nobody():
    one, _, _ = released()
    opened = Unsigned().verify(Unsigned().seal(one), expectation(hpke=READER))
    assert len(opened.key) == 32
    assert str(opened.key)[2:-1] not in repr(opened)


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_none_is_made_by_unpickling(release, travel):
    with pytest.raises(ReleaseError, match="does not travel"):
        travel(release)


def test_only_the_checks_hold_the_proof():
    folder = Path(dpm_flower.__file__).parent
    holders = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if "PROOF" in path.read_text("utf-8")}
    assert holders == {"payload/verified.py", "payload/verification.py"}
