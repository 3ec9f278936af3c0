import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.metrics.resampling import draw_counts, resampled_quantile

RNG = torch.Generator().manual_seed(0)


def test_counts_are_those_of_as_many_draws_as_there_are_things():
    counts = draw_counts(400, 30, torch.Generator().manual_seed(1))
    draws = torch.randint(30, (400, 30), generator=torch.Generator().manual_seed(1))
    assert counts.tolist() == [[row.count(thing) for thing in range(30)] for row in draws.tolist()]
    assert counts.float().mean(0).tolist() == pytest.approx([1] * 30, abs=0.25)


@settings(deadline=None)
@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=25), st.floats(0, 1), st.integers(0, 100))
def test_a_quantile_is_that_of_the_values_that_were_drawn(values, quantile, seed):
    values = torch.tensor(values, dtype=torch.float64)
    counts = draw_counts(3, len(values), torch.Generator().manual_seed(seed))
    counts[1:, -1] += torch.tensor([1, 2])  # rows need not have drawn equally often
    wanted = [torch.quantile(values.repeat_interleave(row), quantile) for row in counts]
    torch.testing.assert_close(resampled_quantile(values, counts, quantile), torch.stack(wanted), rtol=1e-9, atol=1e-9)
