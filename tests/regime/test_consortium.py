"""A simulated consortium: every entity has keys of its own and believes the others', and nobody else's."""

import time

import pytest

from dpm_flower.core.errors import ReleaseError, StudyError
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.regime.consortium import Consortium
from tests.regime.examples import files

NAMES = ("a", "b", "hospital-1")


def test_every_entity_stands_on_the_roster_with_its_own_keys(tmp_path):
    consortium = Consortium(tmp_path)
    consortium.found(NAMES)
    for name in NAMES:
        site = consortium.site(name)
        roster = RosterFile(consortium.roster, site.roster_lock)()
        assert sorted(member.name for member in roster.members) == sorted(NAMES)
        assert roster.member(name, int(time.time()), "entity").card == Identity.open(site.identity).card


def test_found_again_changes_nothing(tmp_path):
    Consortium(tmp_path).found(NAMES)
    before = files(tmp_path)
    Consortium(tmp_path).found(NAMES)
    assert files(tmp_path) == before


def test_one_that_was_killed_on_the_way_is_completed(tmp_path):
    consortium = Consortium(tmp_path)
    consortium.found(NAMES)
    keys = files(consortium.site("a").identity)
    consortium.roster.unlink()
    consortium.found(NAMES)
    assert files(consortium.site("a").identity) == keys
    RosterFile(consortium.roster, consortium.site("b").roster_lock)()


def test_the_folder_of_others_is_refused(tmp_path):
    Consortium(tmp_path).found(NAMES)
    with pytest.raises(StudyError, match="wanted one of a, b"):
        Consortium(tmp_path).found(("a", "b"))


def test_without_exchanges_nobody_has_an_endpoint(tmp_path):
    with pytest.raises(ReleaseError, match="no exchange of a is running"):
        Consortium(tmp_path).endpoint("a")
