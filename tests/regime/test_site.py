from pathlib import Path

import pytest

from dpm_flower.regime.site import Site, file_stem

SITE = Site(Path("/data/a"))
NAMES = ("own only", "own-only", "Own only", "own_only", "../../etc/passwd", "", "ä" * 400, "ö" * 400, "x" * 400, "a\x00b", "CON", ".")


def test_every_name_becomes_a_file_name_of_its_own():
    stems = [file_stem(name) for name in NAMES]
    assert len({stem.lower() for stem in stems}) == len(NAMES)
    for stem in stems:
        assert len(stem) < 100
        assert stem.isascii()
        assert set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_a_name_is_readable_in_its_file_name():
    assert file_stem("Own + poisoned (labels)").startswith("own-poisoned-labels-")


@pytest.mark.parametrize("name", NAMES)
def test_all_paths_lie_in_the_own_folder(name):
    paths = [find("c-0", name) for find in (SITE.decider, SITE.contribution, SITE.pictures, SITE.checkpoint, SITE.attacker)]
    assert len(set(paths)) == 5
    for path in (*paths, SITE.nets("c-0"), SITE.features, SITE.pool, SITE.progress):
        assert path.is_relative_to(SITE.folder)
        assert ".." not in path.parts


def test_campaigns_do_not_meet():
    assert SITE.decider("c-0", "x") != SITE.decider("c-1", "x")
    assert SITE.nets("c-0") != SITE.nets("c-1")


def test_later_audits_of_a_method_have_files_of_their_own():
    for find in (SITE.leakage, SITE.pictures):
        paths = [find("c-0", method, again) for method in ("x", "x.again-1", "y") for again in (0, 1, 2, 11)]
        assert len({path.name.lower() for path in paths}) == len(paths)
        assert find("c-0", "x") == find("c-0", "x", 0)
    assert SITE.leakage("c-0", "x", 3).stem == SITE.pictures("c-0", "x", 3).stem
