import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS


@st.composite
def changed(draw, seeds):
    """A sound input with a few pieces of it cut, put in, or copied elsewhere."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 3))):
        at, cut = draw(st.integers(0, len(data))), draw(st.integers(0, 9))
        source = draw(st.integers(0, len(data)))
        piece = draw(st.binary(max_size=9) | st.just(data[source : source + 40]))
        data = data[:at] + piece + data[at + cut :]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_only_refusals_come_out_of_anything(name):
    target, seeds = TARGETS[name]

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=300) | changed(seeds()))
    def run(data):
        target(data)

    run()


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_taken_so_that_fuzzing_starts_behind_the_door_and_cut_ones_are_not(name):
    target, seeds = TARGETS[name]
    assert seeds()
    for seed in seeds():
        assert target(seed)
        assert not target(seed[:-1])
