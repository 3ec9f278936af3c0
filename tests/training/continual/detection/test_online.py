from dpm_flower.core.labelled import as_bytes
from dpm_flower.training.continual.detection.learner import BoxedLearning
from dpm_flower.training.continual.detection.online import OnlineDetector
from dpm_flower.training.detection import BoxedExamples, detections
from tests.training.continual.detection import days
from tests.training.continual.detection.days import DAY, FEW, NETS, TEST, WARM_UP, beginning, same
from tests.training.toys import CPU, equal, state_of


def test_it_begins_as_the_warmed_up_detector_and_learns_from_the_day_alone():
    learner, before = OnlineDetector(fitting=FEW).start(beginning()), state_of(NETS.whole_network())
    learner.warmed(WARM_UP)
    assert same(learner.predict(TEST.images), detections(NETS.whole_network(), TEST.images, CPU))
    learner.day(DAY)
    assert not equal(state_of(learner.network), before)
    assert not equal(state_of(learner.network.featurizer), state_of(NETS.featurizer))
    assert equal(state_of(NETS.whole_network()), before)
    assert (learner.kept.size_bytes, learner.kept.shared) == (0, None)


def test_images_as_bytes_are_found_in_as_images_as_floats():
    learner = OnlineDetector(fitting=FEW).start(beginning())
    given = as_bytes(TEST.images)
    assert same(learner.predict(given), learner.predict(given.float() / 255))


def test_equal_streams_learn_alike():
    one, other, third = (OnlineDetector(fitting=FEW).start(beginning(owner)) for owner in ("a", "a", "b"))
    for learner in (one, other, third):
        learner.day(DAY)
    assert equal(state_of(one.network), state_of(other.network))
    assert not equal(state_of(one.network), state_of(third.network))


def test_a_way_of_learning_is_its_knobs():
    assert isinstance(OnlineDetector(), BoxedLearning)
    assert not isinstance(BoxedExamples.of(days.DAY), BoxedLearning)
