from dataclasses import replace

import pytest

from dpm_flower.apps import release_signed
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.release_file import write_release
from dpm_flower.payload.codec import encode
from dpm_flower.payload.roster_envelope import write_envelope
from dpm_flower.payload.roster_lock import pin
from dpm_flower.payload.shard import ShardEntry
from dpm_flower.payload.signed import SignedSealer, SignedVerifier
from tests.exchange.examples import contents, flip, release_folder
from tests.payload.examples import NOW, expectation, features, manifest
from tests.payload.roster_examples import identity, roster, signed


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(release_signed.time, "time", lambda: NOW)


@pytest.fixture
def site(tmp_path):
    """The roster and its lock, as a site has them."""
    files = tmp_path / "roster.toml", tmp_path / "roster.lock"
    write_envelope(files[0], signed(roster(), "ada", "bea"))
    pin(files[1], signed(roster(), "ada", "bea"))
    return files


def exported(tmp_path, signer="entity-b", **changes):
    """-> (a release of entity-b's under `signer`'s signatures, its file)."""
    shards = encode(features(), max_shard_bytes=900)
    one = manifest(shards=tuple(ShardEntry.of(shard) for shard in shards), **changes)
    envelope = SignedSealer(identity(signer).signing).seal(one)
    keys = replace(roster().members[1].card, signing=identity(signer).card.signing)
    believing = SignedVerifier(lambda: roster(members=(replace(roster().members[1], card=keys),)))
    release = believing.verify(envelope, expectation())
    pool = Pool(tmp_path / "b")
    pool.publish(release, shards)
    write_release(pool, release.digest, tmp_path / "file")
    return release, tmp_path / "file"


def test_a_signed_release_is_imported_and_verifies(tmp_path, site, capsys):
    release, file = exported(tmp_path)
    for _ in range(2):
        assert release_signed.import_signed(tmp_path / "a", file, *site, None) == 0
        assert capsys.readouterr().out == f"{release.digest}\n"
    assert contents(tmp_path / "a" / "releases") == contents(tmp_path / "b" / "releases")
    assert release_signed.verify_signed(tmp_path / "a", release.digest[:8], *site) == 0
    assert "signed by entity-b" in capsys.readouterr().out


def test_a_release_of_another_signer_is_refused_and_told(tmp_path, site, capsys):
    release, file = exported(tmp_path, signer="entity-x")
    assert release_signed.import_signed(tmp_path / "a", file, *site, None) == 1
    assert "dpm-flower: " in capsys.readouterr().err
    pool = Pool(tmp_path / "a")
    assert pool.listing() == []
    (told,) = [entry for entry in pool.audit_log.entries() if entry.event == "refused"]
    assert told.details["digest"] == release.digest
    assert release_signed.verify_signed(tmp_path / "b", release.digest, *site) == 1


def test_a_replay_is_refused_in_a_later_process_too(tmp_path, site, capsys):
    _, file = exported(tmp_path)
    assert release_signed.import_signed(tmp_path / "a", file, *site, None) == 0
    _, file = exported(tmp_path, method="another")
    assert release_signed.import_signed(tmp_path / "a", file, *site, None) == 1
    assert "replay" in capsys.readouterr().err


def test_a_release_of_another_campaign_is_refused_where_one_is_asked_for(tmp_path, site, capsys):
    _, file = exported(tmp_path)
    assert release_signed.import_signed(tmp_path / "a", file, *site, "another") == 1
    assert "wanted a release of campaign another, got one of c-0123" in capsys.readouterr().err
    assert release_signed.import_signed(tmp_path / "a", file, *site, "c-0123") == 0


def test_a_release_for_which_there_is_no_room_is_refused(tmp_path, site, capsys, monkeypatch):
    _, file = exported(tmp_path)
    monkeypatch.setattr(release_signed.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 9}))
    assert release_signed.import_signed(tmp_path / "a", file, *site, None) == 1
    assert "may take 9 bytes" in capsys.readouterr().err


def test_damaged_bytes_under_good_signatures_are_found(tmp_path, site, capsys):
    release, _ = exported(tmp_path)
    flip(release_folder(tmp_path / "b", release) / "00001.shard")
    assert release_signed.verify_signed(tmp_path / "b", release.digest, *site) == 1
    assert "features-00001" in capsys.readouterr().err


def test_a_roster_that_is_missing_is_named(tmp_path, site, capsys):
    _, file = exported(tmp_path)
    site[0].unlink()
    assert release_signed.import_signed(tmp_path / "a", file, *site, None) == 1
    assert "roster.toml" in capsys.readouterr().err
