import pytest
import torch
from torch import Tensor

from dpm_flower.core.errors import ReleaseError, ShapeError
from dpm_flower.nets.strict_state import overwrite


def own() -> dict[str, Tensor]:
    return {"a.weight": torch.zeros(2, 3), "bn.running_var": torch.ones(3), "bn.num_batches_tracked": torch.tensor(4)}


def good() -> dict[str, Tensor]:
    return {
        "a.weight": torch.arange(6.0).reshape(2, 3),
        "bn.running_var": torch.tensor([0.0, 1, 2]),
        "bn.num_batches_tracked": torch.tensor(9),
    }


def test_values_arrive_in_the_tensors_that_were_there() -> None:
    mine = own()
    tensors = list(mine.values())
    overwrite(mine, good())
    assert all(tensor is mine[name] and torch.equal(tensor, good()[name]) for tensor, name in zip(tensors, mine, strict=True))


@pytest.mark.parametrize(("average", "rounded"), [(7.4, 7), (7.6, 8), (0.0, 0)])
def test_an_averaged_count_is_rounded(average: float, rounded: int) -> None:
    mine = own()
    overwrite(mine, {**good(), "bn.num_batches_tracked": torch.tensor(average)})
    assert mine["bn.num_batches_tracked"].dtype == torch.int64
    assert mine["bn.num_batches_tracked"].item() == rounded


REFUSALS = [
    ("a.weight", torch.zeros(3, 2), ShapeError, r"'a.weight' of shape \(2, 3\), got \(3, 2\)"),
    ("bn.num_batches_tracked", torch.zeros(1), ShapeError, r"'bn.num_batches_tracked' of shape \(\), got \(1,\)"),
    ("a.weight", torch.zeros(2, 3, dtype=torch.float64), ReleaseError, "'a.weight' of type torch.float32, got torch.float64"),
    ("a.weight", torch.zeros(2, 3, dtype=torch.int64), ReleaseError, "'a.weight' of type torch.float32, got torch.int64"),
    ("bn.num_batches_tracked", torch.tensor(4, dtype=torch.int32), ReleaseError, "of type torch.int64, got torch.int32"),
    ("bn.num_batches_tracked", torch.tensor(True), ReleaseError, "of type torch.int64, got torch.bool"),
    ("a.weight", torch.tensor([[0, 0, float("nan")], [0, float("inf"), 0]]), ReleaseError, "finite values in 'a.weight', got 2"),
    ("bn.num_batches_tracked", torch.tensor(float("nan")), ReleaseError, "finite values in 'bn.num_batches_tracked'"),
    ("bn.num_batches_tracked", torch.tensor(1e30), ReleaseError, "up to 2"),
    ("bn.running_var", torch.tensor([1.0, -0.5, 1]), ReleaseError, "variances of at least 0 in 'bn.running_var', got -0.5"),
    ("stranger", torch.zeros(1), ReleaseError, "got 'stranger' as well"),
]


@pytest.mark.parametrize(("name", "tensor", "error", "message"), REFUSALS)
def test_what_does_not_fit_is_refused_and_nothing_changes(name: str, tensor: Tensor, error: type[Exception], message: str) -> None:
    mine = own()
    with pytest.raises(error, match=message):
        overwrite(mine, {**good(), name: tensor})
    assert all(torch.equal(mine[key], value) for key, value in own().items())


@pytest.mark.parametrize("name", list(own()))
def test_a_missing_tensor_is_refused(name: str) -> None:
    given = good()
    del given[name]
    with pytest.raises(ReleaseError, match=f"wanted a tensor '{name}', got none"):
        overwrite(own(), given)
