import hashlib

import pytest
import torch

from dpm_flower.core.digest import tensors_digest

TENSORS = {"a": torch.arange(6, dtype=torch.float32).reshape(2, 3), "b": torch.tensor(3), "empty": torch.zeros(0, 2)}


def test_the_digest_is_that_of_names_types_shapes_and_values():
    slow = hashlib.sha256()
    slow.update(b"a\x1ftorch.float32\x1f(2, 3)\x1f" + TENSORS["a"].numpy().tobytes())
    slow.update(b"b\x1ftorch.int64\x1f()\x1f" + (3).to_bytes(8, "little"))
    slow.update(b"empty\x1ftorch.float32\x1f(0, 2)\x1f")
    assert tensors_digest(TENSORS) == slow.hexdigest()


def test_order_and_memory_layout_do_not_matter():
    image = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    wanted = tensors_digest({"image": image, **TENSORS})
    assert tensors_digest({**dict(reversed(TENSORS.items())), "image": image.to(memory_format=torch.channels_last)}) == wanted
    assert tensors_digest({"image": image.clone().requires_grad_(True), **TENSORS}) == wanted


@pytest.mark.parametrize(
    "changes",
    [
        {"a": TENSORS["a"].reshape(3, 2)},
        {"a": TENSORS["a"].double()},
        {"a": TENSORS["a"] + torch.tensor([0, 0, 1e-6])},
        {"a": TENSORS["a"].view(torch.int32)},
        {"c": torch.zeros(0)},
        {"b": torch.tensor([3])},
    ],
)
def test_any_other_content_gives_another_digest(changes):
    assert tensors_digest(TENSORS | changes) != tensors_digest(TENSORS)


def test_names_belong_to_their_values():
    assert tensors_digest({"a": TENSORS["b"], "b": TENSORS["a"]}) != tensors_digest({"a": TENSORS["a"], "b": TENSORS["b"]})


def test_half_precision_and_bool_have_digests_too():
    assert len({tensors_digest({"a": torch.ones(3, dtype=dtype)}) for dtype in (torch.bfloat16, torch.float16, torch.bool)}) == 3
