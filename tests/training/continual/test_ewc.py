import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.training.continual.ewc import ElasticWeights
from dpm_flower.training.continual.fisher import fisher_information
from dpm_flower.training.continual.learner import whole_network
from dpm_flower.training.continual.online import OnlineFineTuning
from tests.training.continual.days import DAY, FEW, NEXT_DAY, SOME, TEST, WARM_UP, beginning, only, top1, warm_nets
from tests.training.toys import CPU, equal

KNOBS = {"fitting": SOME, "augment": "none"}
KNOWN, NEW = only(WARM_UP, 0, 1), only(WARM_UP, 2)


def after_the_third_class(learning):
    learner = learning.start(beginning())
    learner.warmed(KNOWN.images, KNOWN.labels)
    learner.day(NEW.images, NEW.labels)
    return learner


def moved(learner) -> float:
    """How far the weights are from where they began, by the information that they began with."""
    start = whole_network(warm_nets())
    information = fisher_information(start, KNOWN.images, KNOWN.labels, "network", CPU)
    now = dict(learner.network.named_parameters())
    return sum((information[name] * (now[name] - was).square()).sum().item() for name, was in start.named_parameters())


def test_it_forgets_less_than_who_holds_nothing():
    held, loose = after_the_third_class(ElasticWeights(firmness=1e5, **KNOBS)), after_the_third_class(OnlineFineTuning(**KNOBS))
    assert moved(held) < 0.01 * moved(loose)
    assert top1(held, only(TEST, 0, 1)) > 0.8 > 0.2 > top1(loose, only(TEST, 0, 1))
    assert top1(held, only(TEST, 2)) > 0.8


def test_with_hardly_any_firmness_it_learns_as_who_holds_nothing():
    held, loose = after_the_third_class(ElasticWeights(firmness=1e-30, images=1, **KNOBS)), OnlineFineTuning(**KNOBS).start(beginning())
    torch.randperm(len(KNOWN), generator=loose.beginning.rng)  # which images the information is estimated from
    loose.day(NEW.images, NEW.labels)
    torch.testing.assert_close(held.predict(TEST.images), loose.predict(TEST.images), rtol=1e-3, atol=1e-3)


def test_a_bound_lets_the_weights_go_further():
    free, bound = (after_the_third_class(ElasticWeights(firmness=300.0, bound=each, **KNOBS)) for each in (None, 1e-4))
    assert moved(bound) > 2 * moved(free)


@pytest.mark.parametrize(("decay", "earlier"), [(1.0, 1.0), (0.25, 0.25)])
def test_the_information_of_the_day_joins_that_of_earlier_ones(decay, earlier):
    learner = ElasticWeights(firmness=1.0, decay=decay, fitting=FEW).start(beginning())
    learner.warmed(WARM_UP.images, WARM_UP.labels)
    of_warm_up = dict(learner.held.information)
    learner.day(DAY.images, DAY.labels)
    of_day = fisher_information(learner.network, DAY.images, DAY.labels, "network", CPU)  # all of the day's: fewer than `images`
    for name, information in learner.held.information.items():
        torch.testing.assert_close(information, earlier * of_warm_up[name] + of_day[name], rtol=1e-4, atol=1e-9)
    assert equal(dict(learner.held.centre), {name: p.detach() for name, p in learner.network.named_parameters()})


def test_information_is_estimated_from_at_most_so_many_images_and_by_whose_answers_it_says():
    for knobs, chosen in (({"images": 5}, 5), ({"images": 100, "answers": "labels"}, len(DAY))):
        learner, twin = ElasticWeights(firmness=1.0, fitting=FEW, **knobs).start(beginning()), beginning()
        learner.warmed(DAY.images, DAY.labels)
        order = torch.randperm(len(DAY), generator=twin.rng)[:chosen]
        slow = fisher_information(learner.network, DAY.images[order], DAY.labels[order], knobs.get("answers", "network"), CPU)
        assert equal(dict(learner.held.information), dict(slow))


def test_it_keeps_two_numbers_for_each_weight_however_many_days_there_were():
    learner = ElasticWeights(firmness=1.0, images=3, fitting=FEW).start(beginning())
    assert learner.kept.size_bytes == 0
    for day in (DAY, NEXT_DAY):
        learner.day(day.images, day.labels)
        assert learner.kept.size_bytes == 8 * sum(parameter.numel() for parameter in learner.network.parameters())
    assert learner.kept.shared is None


@pytest.mark.parametrize(
    "knobs", [{"firmness": 0.0}, {"decay": -0.1}, {"decay": 1.1}, {"bound": 0.0}, {"answers": "guesses"}, {"images": 0}], ids=str
)
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="wanted"):
        ElasticWeights(**({"firmness": 1.0} | knobs))
