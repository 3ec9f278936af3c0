"""Results that several tests read; none of them can change the frozen value."""

import pytest

from dpm_flower.studies.results import Results, results_of
from tests.studies.hand_made import FACTS, STUDY, changed, outcomes


@pytest.fixture(scope="session")
def results() -> Results:
    """A complete run."""
    return results_of(STUDY, outcomes(), FACTS)


@pytest.fixture(scope="session")
def holed() -> Results:
    """A run in which b fails in one seed of FedAvg, and nothing ever comes from c there."""
    some = changed(outcomes(), 1, "FedAvg", "b", reason="no reply within 60 s", quality={}, costs={})
    return results_of(STUDY, [one for one in some if (one.arm, one.entity) != ("FedAvg", "c")], FACTS)
