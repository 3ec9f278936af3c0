import math

import pytest

from dpm_flower.core.errors import MetricError
from dpm_flower.metrics.spread import Spread, spread


def test_mean_deviation_and_count():
    found = spread([1.0, 2.0, 4.0])
    assert found.mean == pytest.approx(7 / 3)
    assert found.count == 3
    assert found.deviation == pytest.approx(math.sqrt(((4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2) / 2))


def test_one_seed_has_no_deviation():
    assert spread([0.5]) == Spread(0.5, None, 1)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_nothing_and_what_is_not_finite_are_refused(values):
    with pytest.raises(MetricError, match="at least one finite value"):
        spread(values)
