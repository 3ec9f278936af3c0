"""What a claimed number of samples is held against."""

from dpm_flower.federation.pooled_samples import most_samples
from dpm_flower.payload.envelope import Envelope
from tests.payload.examples import manifest


def _envelope(samples: int) -> str:
    return Envelope(manifest(samples=samples).to_bytes(), "application/x", ()).to_bytes().decode()


def test_own_images_and_all_that_peers_released_count() -> None:
    claims = [("a", _envelope(10)), ("b", _envelope(7)), ("c", _envelope(5))]
    assert most_samples("a", 12, claims) == 12 + 7 + 5
    assert most_samples("d", 1, claims) == 1 + 10 + 7 + 5
    assert most_samples("a", 12, []) == 12


def test_nobody_raises_its_own_weight_by_its_own_release() -> None:
    assert most_samples("a", 12, [("a", _envelope(10**9)), ("b", _envelope(7))]) == 19


def test_a_release_that_nobody_can_read_was_pooled_by_nobody() -> None:
    damaged = Envelope(b"{}", "application/x", ()).to_bytes().decode()
    assert most_samples("a", 12, [("b", "no envelope"), ("c", damaged), ("d", _envelope(7))]) == 19
