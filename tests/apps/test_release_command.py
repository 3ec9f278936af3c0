import json

import pytest

from dpm_flower.apps import release_command
from dpm_flower.exchange.index import Index
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.rules import LARGEST_COUNT
from tests.exchange.examples import flip, release_folder, released
from tests.exchange.test_listing import example


@pytest.fixture
def held(tmp_path):
    """A pool's folder with two releases, and these."""
    pool, releases = Pool(tmp_path / "pool"), [released(), released(sequence=6)]
    for release, shards in releases:
        pool.publish(release, shards)
    return tmp_path / "pool", *(release for release, _ in releases)


def test_all_releases_are_listed_with_their_states(held, capsys):
    pool, first, second = held
    Pool(pool).withdraw(second.digest, "why")
    assert release_command.list_all(pool, None) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["digest", "state", "sender", "campaign"]
    told = {row.split()[0]: row.split()[1:6] for row in rows}
    assert told[first.digest] == ["held", "entity-b", "c-0123", "5", "2"]
    assert told[second.digest][0] == "withdrawn"
    assert release_command.list_all(pool, "another") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_release_is_shown_with_its_shards_and_an_ended_one_with_its_reason(held, capsys):
    pool, first, second = held
    Pool(pool).withdraw(second.digest, "why")
    assert release_command.show(pool, first.digest[:8]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["digest"], shown["samples"]) == (first.digest, 10)
    assert [entry["name"] for entry in shown["shards"]] == [entry.name for entry in first.manifest.shards]
    assert release_command.show(pool, second.digest) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["reason"]) == ("withdrawn", "why")
    assert "shards" not in shown


def test_verifying_finds_what_is_damaged(held, capsys):
    pool, first, _ = held
    assert release_command.verify(pool, first.digest) == 0
    assert "signatures were not checked" in capsys.readouterr().out
    flip(release_folder(pool, first) / "00001.shard")
    assert release_command.verify(pool, first.digest) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "features-00001" in err


@pytest.mark.parametrize("to", ["folder", "file"])
def test_a_release_is_exported_to_a_folder_or_a_file(held, tmp_path, capsys, to):
    pool, first, _ = held
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / (f"{first.digest}.dpm-release" if to == "folder" else "a-name")
    assert release_command.export(pool, first.digest[:12], tmp_path / "out" if to == "folder" else path) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.stat().st_size > first.manifest.size_bytes


def test_withdrawing_ends_a_release(held, capsys):
    pool, first, second = held
    assert release_command.withdraw(pool, first.digest[:9], "a mistake") == 0
    assert capsys.readouterr().out == f"{first.digest}: withdrawn\n"
    assert Pool(pool).digests() == [second.digest]
    assert Pool(pool).tombstone(first.digest).reason == "a mistake"


@pytest.mark.parametrize(
    "act",
    [
        lambda pool: release_command.list_all(pool, None),
        lambda pool: release_command.show(pool, "0" * 64),
        lambda pool: release_command.verify(pool, "0" * 64),
        lambda pool: release_command.export(pool, "0" * 64, pool),
        lambda pool: release_command.withdraw(pool, "0" * 64, "why"),
    ],
)
def test_a_folder_that_is_no_pool_is_refused_and_not_made_one(tmp_path, capsys, act):
    assert act(tmp_path / "typo") == 1
    assert capsys.readouterr().err.startswith(f"dpm-flower: {tmp_path / 'typo'} is no pool")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("beginning", "said"), [("", "8 digits"), ("abcdef0", "8 digits"), ("0" * 8, "with which 0 begin")])
def test_what_does_not_begin_one_releases_digest_is_refused(held, capsys, beginning, said):
    assert release_command.withdraw(held[0], beginning, "why") == 1
    assert said in capsys.readouterr().err
    assert len(Pool(held[0]).digests()) == 2


def test_the_largest_moment_that_a_manifest_may_name_can_be_listed(tmp_path, capsys):
    listing = example(made_at=1, expires_at=LARGEST_COUNT)
    Pool(tmp_path)
    Index(tmp_path / "index.sqlite").put(listing)
    assert release_command.list_all(tmp_path, None) == 0
    assert listing.digest in capsys.readouterr().out
