from dataclasses import replace

import pytest

from dpm_flower.core.errors import StudyError
from dpm_flower.studies.facts import Holding, TestSet
from tests.studies.hand_made import FACTS


@pytest.mark.parametrize("change", [{"public": (1, 2)}, {"holdings": (Holding("a", (1, 2, 3, 4)),)}, {"public": (1, -1, 2)}])
def test_counts_that_do_not_fit_the_classes_are_refused(change):
    with pytest.raises(StudyError, match="3 counts"):
        replace(FACTS, **change)


@pytest.mark.parametrize(("images", "trivial"), [(0, 0.5), (10, 0.0), (10, 1.1), (10, float("nan"))])
def test_a_test_set_without_images_or_with_an_impossible_share_is_refused(images, trivial):
    with pytest.raises(StudyError, match="test set"):
        TestSet(images, trivial)
