from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.training.continual.detection import ewc
from dpm_flower.training.continual.detection.ewc import ElasticDetector
from dpm_flower.training.continual.detection.fisher import detector_information
from dpm_flower.training.continual.detection.pseudo_boxes import PseudoBoxes
from tests.training.continual.detection.days import DAY, FEW, NETS, NEXT_DAY, WARM_UP, beginning
from tests.training.toys import equal

SOME = Fitting(steps=8, batch_size=4, learning_rate=1e-3, weight_decay=0.0)
QUICK = ElasticDetector(firmness=1.0, images=2, fitting=FEW)


def after_a_day(knobs):
    learner = knobs.start(beginning())
    learner.warmed(WARM_UP)
    learner.day(DAY)
    return learner


def moved(knobs) -> float:
    """How far the weights go in a day, by the information that holds them."""
    learner = knobs.start(beginning())
    learner.warmed(WARM_UP)
    held = learner.held
    learner.day(DAY)
    return 2 * held.penalty(learner.network, 1.0, None).item()


def test_firmness_holds_what_the_warm_up_needs_and_a_bound_lets_it_go_further():
    firm = replace(QUICK, firmness=1e5, images=200, fitting=SOME)
    held, loose, bound = (moved(knobs) for knobs in (firm, replace(firm, firmness=1e-30), replace(firm, bound=1e-6)))
    assert held < 0.4 * loose
    assert bound > 1.5 * held


@pytest.mark.parametrize("decay", [1.0, 0.25])
def test_the_information_of_the_day_joins_that_of_earlier_ones(monkeypatch, decay):
    found = []
    monkeypatch.setattr(ewc, "detector_information", lambda *given: found.append(detector_information(*given)) or found[-1])
    learner = after_a_day(replace(QUICK, decay=decay))
    of_warm_up, of_day = found
    for name, information in learner.held.information.items():
        torch.testing.assert_close(information, decay * of_warm_up[name] + of_day[name])
    assert equal(dict(learner.held.centre), {name: p.detach() for name, p in learner.network.named_parameters()})


def test_it_keeps_two_numbers_for_each_weight_however_many_days_there_were():
    learner = QUICK.start(beginning())
    assert learner.kept.size_bytes == 0
    for day in (DAY, NEXT_DAY):
        learner.day(day)
        assert learner.kept.size_bytes == 8 * sum(parameter.numel() for parameter in NETS.whole_network().parameters())
    assert learner.kept.shared is None


def test_with_pseudo_boxes_the_detector_of_before_the_day_labels_what_is_learnt_and_held(monkeypatch):
    """The boxes that reach training and information are those of the network that the day has not yet changed."""
    learnt, estimated = [], []
    monkeypatch.setattr(ewc, "learn", lambda network, examples, *_, **__: learnt.append(examples))
    monkeypatch.setattr(ewc, "detector_information", lambda network, boxed, *_: estimated.append(boxed) or {})
    pseudo = PseudoBoxes(confidence=0.2, overlap=0.1)
    learner = replace(QUICK, pseudo=pseudo, images=200).start(beginning())
    learner.warmed(WARM_UP)
    wanted = pseudo.added(learner.network, DAY, learner.beginning.compute)
    learner.day(DAY)
    assert sum(map(len, wanted.boxes)) > sum(map(len, DAY.boxes))
    assert all(torch.equal(*pair) for pair in zip(learnt[0].boxes, wanted.boxes, strict=True))
    assert sum(map(len, estimated[0].boxes)) == sum(map(len, WARM_UP.boxes))  # the warm-up's are the true ones
    assert sum(map(len, estimated[1].boxes)) == sum(map(len, wanted.boxes))


@pytest.mark.parametrize("knobs", [{"firmness": 0.0}, {"decay": -0.1}, {"decay": 1.1}, {"bound": 0.0}, {"images": 0}], ids=str)
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="wanted"):
        ElasticDetector(**({"firmness": 1.0} | knobs))
