import os

import pytest

from dpm_flower.core.errors import RetentionError
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.verifying import verify
from tests.data.retention.fakes import BEGIN, DAY, content


@pytest.fixture
def wrong(store, clock):
    return lambda **more: verify(Keeping(store.folder, clock), **more).wrong


@pytest.fixture
def path(store):
    """Of the one image in the store."""
    store.derive([store.add(content(1), BEGIN)])
    return store.folder / "items" / str(store.items()[0].name)


def test_a_store_that_keeps_its_word_has_nothing_wrong(store, path, clock, wrong):
    assert wrong() == ()
    clock.advance(DAY)
    store.purge()
    found = verify(Keeping(store.folder, clock))
    assert (found.held, found.gone, found.wrong) == (0, 2, ())
    assert wrong(known_heads=[found.head]) == ()


def test_what_is_over_and_still_there_is_found(path, clock, wrong):
    clock.advance(DAY + 60)
    assert len(wrong()) == 2
    assert all("has been over for 60 s" in each for each in wrong())


def test_what_went_by_the_ledger_and_came_back_is_found(store, path, clock, wrong):
    clock.advance(DAY)
    store.purge()
    path.write_bytes(content(1))
    assert wrong() == (f"items/{path.name!a} is gone by the ledger and still there: purge",)


def test_strangers_are_found(store, path, wrong):
    (store.folder / "copy.png").write_bytes(b"")
    (store.folder / "items" / "x").write_bytes(b"")
    assert wrong() == ("'copy.png' lies in the store and is none of its own", "items/'x' is unknown to the ledger: purge")


def test_images_that_are_missing_changed_open_to_others_or_linked_are_found(store, path, quick, wrong):
    path.chmod(0o644)
    assert "is open to others: mode 644" in wrong()[0]
    path.chmod(0o600)
    os.link(path, quick / "kept")
    assert "wanted a file with one name, got one with 2" in wrong()[0]
    (quick / "kept").unlink()
    whole = path.read_bytes()
    path.write_bytes(whole + b"!")
    assert "is not as it came" in wrong()[0]
    path.unlink()
    assert "is not there, and the ledger tells of no deletion" in wrong()[0]
    (store.folder / "key").chmod(0o640)
    assert wrong()[0] == "key is open to others: mode 640"


def test_another_key_a_missing_head_and_no_store_are_refused(store, path, quick, clock, wrong):
    with pytest.raises(RetentionError, match="not that of the store"):
        wrong(key=bytes(32))
    with pytest.raises(RetentionError, match="cut off or written anew"):
        wrong(known_heads=["0" * 64])
    with pytest.raises(RetentionError, match="wanted a retention store"):
        verify(Keeping(quick, clock))
