import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.relay import RelayIntake
from tests.exchange.peers import Taken, released

RELEASE, SHARDS = released(b"first", b"the second", b"third")


def stream(data, step=4):
    """What comes in, as `service` gives it to an intake: so many bytes, in chunks that end with them."""
    left = bytearray(data)

    def shards(size):
        while size > 0 and left:
            chunk = bytes(left[: min(step, size)])
            del left[: len(chunk)]
            size -= len(chunk)
            yield chunk

    return shards


def test_shards_are_cut_by_the_sizes_of_the_manifest():
    taken = Taken()
    data = b"".join(shard.data for shard in SHARDS)
    assert RelayIntake(taken, lambda *_: RELEASE).take("entity-b", RELEASE.envelope.to_bytes(), stream(data)) == RELEASE.digest
    assert taken.shards == [shard.data for shard in SHARDS]


def test_shards_for_which_the_pool_does_not_ask_are_passed_over():
    class HasTheFirst:
        def admit(self, release, source):
            self.got = [b"".join(source(position)) for position in (1, 2)]

    pool = HasTheFirst()
    RelayIntake(pool, lambda *_: RELEASE).take("entity-b", RELEASE.envelope.to_bytes(), stream(b"firstthe secondthird"))
    assert pool.got == [b"the second", b"third"]


def test_what_ends_early_is_refused_by_the_pool():
    with pytest.raises(ReleaseError, match="wanted 10 bytes, got 3"):
        RelayIntake(Taken(), lambda *_: RELEASE).take("entity-b", RELEASE.envelope.to_bytes(), stream(b"firstthe"))


def test_it_is_the_publisher_and_the_envelope_that_are_authenticated():
    seen = []

    def authenticate(envelope, peer):
        seen.append((envelope, peer))
        raise ReleaseError("not its own")

    with pytest.raises(ReleaseError, match="not its own"):
        RelayIntake(Taken(), authenticate).take("entity-c", RELEASE.envelope.to_bytes(), stream(b""))
    assert seen == [(RELEASE.envelope, "entity-c")]


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff"])
def test_what_is_no_envelope_is_refused_before_anybody_is_asked(data):
    with pytest.raises(ReleaseError, match="an envelope"):
        RelayIntake(Taken(), lambda *_: pytest.fail("asked")).take("entity-b", data, stream(b""))
