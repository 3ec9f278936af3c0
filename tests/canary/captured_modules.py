"""The private modules of one entity, taken the moment before they are used: nothing of the package keeps them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from torch import Tensor

from dpm_flower.core.protocols import Preparation
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.network_sharer import NetworkSharer
from tests.canary.image_marker import ImageMarker
from tests.canary.search import kinds, search
from tests.canary.unpacking import Content

States = dict[str, dict[str, Tensor]]


@contextmanager
def captured_modules() -> Iterator[States]:
    """Inside the block every trained module of the entity whose images are marked is copied -> the copies, by number."""
    states: States = {}
    as_it_is = DeepPoisoning.prepare

    def prepare(self: DeepPoisoning, preparation: Preparation) -> NetworkSharer:
        sharer = as_it_is(self, preparation)
        if kinds(search([Content("own images", preparation.private.images.numpy().tobytes())], [ImageMarker()])):
            state = {name: value.detach().clone() for name, value in sharer.module.state_dict().items()}
            states[f"module {len(states)}"] = state
        return sharer

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DeepPoisoning, "prepare", prepare)
        yield states
