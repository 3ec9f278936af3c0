import gc

import pytest
import torch

from dpm_flower.training import known_digests
from dpm_flower.training.known_digests import KnownDigests


@pytest.fixture
def computed(monkeypatch):
    """The tensors whose digests were computed."""
    seen, real = [], known_digests._digest
    monkeypatch.setattr(known_digests, "_digest", lambda tensor: seen.append(tensor.shape) or real(tensor))
    return seen


def test_a_digest_is_computed_once_while_nobody_writes(computed):
    digest_of, images = KnownDigests(), torch.rand(4, 3, 5, 5)
    assert digest_of(images) == digest_of(images) == known_digests._digest(images)
    assert len(computed) == 2  # one of them by the test


@pytest.mark.parametrize(
    "write",
    [
        lambda images: images.zero_(),
        lambda images: images[1:].add_(1.0),
        lambda images: images.detach().mul_(2.0),
        lambda images: setattr(images, "data", torch.ones(4, 3, 5, 5)),
    ],
)
def test_whoever_writes_to_a_tensor_changes_its_digest(write):
    digest_of, images = KnownDigests(), torch.rand(4, 3, 5, 5)
    before = digest_of(images)
    write(images)
    assert digest_of(images) == known_digests._digest(images) != before


def test_other_tensors_of_the_same_memory_have_their_own(computed):
    digest_of, images = KnownDigests(), torch.rand(4, 3, 5, 5)
    parts = (images, images[:2], images.transpose(2, 3), images.view(4, 3, 25), images.clone())
    found = [digest_of(each) for each in parts]
    assert found == [known_digests._digest(each) for each in parts]
    assert found[0] == found[-1]
    assert len(set(found)) == 4


def test_a_tensor_that_took_over_the_place_of_a_dead_one_is_another():
    digest_of, wanted = KnownDigests(), []
    for value in range(50):  # allocators give the same memory, and Python the same id, again and again
        images = torch.full((2, 3, 5, 5), float(value))
        wanted.append(digest_of(images) == known_digests._digest(images))
        del images
    assert all(wanted)


def test_dead_tensors_are_forgotten():
    digest_of = KnownDigests()
    for value in range(5):
        digest_of(torch.full((2, 2), float(value)))
    gc.collect()
    kept = torch.rand(2, 2)
    digest_of(kept)
    assert len(digest_of._known) == 1


def test_where_nobody_counts_the_writes_nothing_is_remembered(computed):
    with torch.inference_mode():
        digest_of, images = KnownDigests(), torch.rand(2, 2)
        before = digest_of(images)
        images.zero_()
        assert digest_of(images) != before
    assert len(computed) == 2
