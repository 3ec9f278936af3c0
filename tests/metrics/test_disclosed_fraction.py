import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.disclosed_fraction import disclosed_fraction

FLOOR = torch.tensor([0.1, 0.3, 0.2, 0.4])
CEILING = torch.tensor([0.9, 0.7, 0.8, 0.4])  # the last image has no span of its own
ATTACK = torch.tensor([0.2, 0.6, 0.1, 0.5])

scores = st.lists(st.tuples(*[st.floats(-1, 1)] * 3), min_size=1, max_size=30).filter(
    lambda rows: sum(row[2] for row in rows) - sum(row[1] for row in rows) > 1e-3 * len(rows)
)


def test_each_part_is_the_image_s_own_excess_over_the_mean_span():
    assert disclosed_fraction(ATTACK, FLOOR, CEILING).tolist() == pytest.approx([0.1 / 0.45, 0.3 / 0.45, -0.1 / 0.45, 0.1 / 0.45])


@settings(deadline=None)
@given(scores)
def test_the_mean_is_the_ratio_of_means(rows):
    attack, floor, ceiling = (torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True))
    wanted = (attack.mean() - floor.mean()) / (ceiling.mean() - floor.mean())
    assert float(disclosed_fraction(attack, floor, ceiling).mean()) == pytest.approx(float(wanted), abs=1e-6)


@settings(deadline=None)
@given(scores)
def test_the_floor_has_nothing_and_the_ceiling_everything(rows):
    _, floor, ceiling = (torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True))
    assert disclosed_fraction(floor, floor, ceiling).tolist() == [0] * len(rows)
    assert float(disclosed_fraction(ceiling, floor, ceiling).mean()) == pytest.approx(1)


@settings(deadline=None)
@given(scores, st.floats(0.1, 10), st.floats(-1, 1))
def test_the_unit_of_the_score_does_not_matter(rows, scale, shift):
    columns = [torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)]
    other = disclosed_fraction(*(scale * column + shift for column in columns))
    torch.testing.assert_close(other, disclosed_fraction(*columns), rtol=1e-6, atol=1e-6)


def test_nothing_is_clipped():
    assert float(disclosed_fraction(FLOOR - 1, FLOOR, CEILING).max()) < 0
    assert float(disclosed_fraction(CEILING + 1, FLOOR, CEILING).min()) > 1


@pytest.mark.parametrize("ceiling", [FLOOR, FLOOR - 0.1, FLOOR.flip(0)])
def test_a_ceiling_that_is_not_above_the_floor_measures_nothing(ceiling):
    with pytest.raises(MetricError, match="mean ceiling above the mean floor"):
        disclosed_fraction(ATTACK, FLOOR, ceiling)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_other_inputs_are_refused(place):
    columns = [ATTACK, FLOOR, CEILING]
    columns[place] = columns[place][:3]
    with pytest.raises(ShapeError, match=r"one shape \(B,\), got \["):
        disclosed_fraction(*columns)
    columns = [ATTACK, FLOOR, CEILING]
    columns[place] = columns[place].clone().index_fill_(0, torch.tensor([1]), math.nan)
    with pytest.raises(MetricError, match=f"finite scores of the {('attack', 'floor', 'ceiling')[place]}, got 1"):
        disclosed_fraction(*columns)
    with pytest.raises(MetricError, match="at least one image"):
        disclosed_fraction(ATTACK[:0], FLOOR[:0], CEILING[:0])
    with pytest.raises(ShapeError, match="one shape"):
        disclosed_fraction(ATTACK[None], FLOOR[None], CEILING[None])
