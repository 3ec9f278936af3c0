"""A site file that names a store: all of the site's processes keep and find the shards there."""

from types import SimpleNamespace

import pytest

from dpm_flower.apps.site_start import exchange_command
from dpm_flower.core.errors import PoolError
from dpm_flower.exchange.pool import Pool
from dpm_flower.federation.opening import site_of
from dpm_flower.regime.site_file import read_site_file
from tests.apps.exchange_world import site_file
from tests.exchange.examples import contents, released


@pytest.fixture
def world(tmp_path):
    return SimpleNamespace(here=tmp_path, folder=tmp_path)


def test_the_exchange_is_started_with_the_sites_store_and_without_one_where_there_is_none(world):
    words = exchange_command(read_site_file(site_file(world, "entity-a", "s3://bucket/a")))
    assert words[words.index("--store") + 1] == "s3://bucket/a"
    assert "--store" not in exchange_command(read_site_file(site_file(world, "entity-b")))


def test_a_client_process_keeps_what_it_publishes_in_the_sites_store(world):
    store = f"file://{world.here}/objects"
    context = SimpleNamespace(node_config={"site": str(site_file(world, "entity-a", store))}, run_config={})
    release, shards = released()
    Pool(site_of(context, "entity-a").pool).publish(release, shards)
    assert len(contents(world.here / "objects")) == len(shards)
    other = site_file(world, "entity-b", "s3://bucket/a")
    other.write_text(other.read_text().replace('folder = "entity-b"', 'folder = "entity-a"'))
    with pytest.raises(PoolError, match="wanted them in s3://bucket/a"):
        site_of(SimpleNamespace(node_config={"site": str(other)}, run_config={}), "entity-b")
