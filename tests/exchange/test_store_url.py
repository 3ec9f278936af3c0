import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.store_url import check_store_url, object_store

A = "a" * 64


@pytest.mark.parametrize(
    "url",
    ["s3://bucket", "s3://bucket/prefix", "gs://b/p", "abfs://container@account/p", "file:///mnt/shards"],
)
def test_the_url_of_a_place_is_one(url):
    check_store_url(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/mnt/shards", "a store is a URL"),
        ("shards", "a store is a URL"),
        ("s3://", "a store is a URL"),
        ("s3:// bucket", "a store is a URL"),
        ("s3://bucket\n", "a store is a URL"),
        ("simplecache::s3://bucket", "a store is a URL"),
        ("file://shards", "a store is a URL"),  # below whichever folder a process stands in
        ("local://shards", "a store is a URL"),
        ("s3://[x", "a store is a URL"),
        ("memory://x", "outlives the process"),
        ("s3://key:secret@bucket/p", "who may write there is for the environment"),
        ("abfs://c/p?sig=secret", "who may write there is for the environment"),
    ],
)
def test_what_depends_on_the_process_or_gives_a_secret_away_is_refused(url, said):
    with pytest.raises(SettingError, match=said) as refused:
        object_store(url)
    assert "secret" not in str(refused.value)


def test_what_one_puts_there_another_finds(tmp_path):
    url = f"file://{tmp_path}/objects"
    object_store(url).put(A, 0, [b"one", b"two"])
    assert b"".join(object_store(url + "/").open(A, 0)) == b"onetwo"
    object_store(url).delete(A)


@pytest.mark.parametrize("url", ["nobody-knows-this://x", "file:///dev/null/objects"])
def test_a_store_that_cannot_be_used_is_refused_at_once(url):
    with pytest.raises(SettingError, match=f"the store {url} cannot be used"):
        object_store(url)
