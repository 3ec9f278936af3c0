import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

import dpm_flower
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.unsigned import Unsigned
from dpm_flower.payload.verified import VerifiedRelease
from tests.payload.examples import expectation, manifest


@pytest.fixture
def release():
    return Unsigned().verify(Unsigned().seal(manifest()), expectation())


def test_none_is_made_by_accident(release):
    for proof in (None, object(), True):
        with pytest.raises(ReleaseError, match="an envelope is a claim"):
            VerifiedRelease(release.manifest, release.envelope, proof)


def test_none_is_made_from_another(release):
    with pytest.raises((ValueError, TypeError)):
        replace(release, manifest=manifest(samples=99))
    with pytest.raises(FrozenInstanceError):
        release.manifest = manifest(samples=99)


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_none_is_made_by_unpickling(release, travel):
    with pytest.raises(ReleaseError, match="does not travel"):
        travel(release)


def test_only_the_checks_hold_the_proof():
    folder = Path(dpm_flower.__file__).parent
    holders = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if "PROOF" in path.read_text("utf-8")}
    assert holders == {"payload/verified.py", "payload/verification.py"}
