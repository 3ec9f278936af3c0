import copy
from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import TrainingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.metrics.compactness import class_distance_normalised_variance
from dpm_flower.regime.evaluate import evaluate_decider, evaluate_network
from tests.regime.examples import NETS, task
from tests.training.toys import equal, public_nets, state_of


def slow_answers(network, data):
    return [int(network(image.unsqueeze(0)).argmax()) == int(label) for image, label in zip(data.images, data.labels, strict=True)]


def assert_is_of(evaluation, network, one):
    answers = slow_answers(network, one.test)
    assert evaluation.correct.tolist() == answers
    assert evaluation.top1 == pytest.approx(sum(answers) / len(answers))
    own = slow_answers(network, one.validation)
    assert evaluation.validation_top1 == pytest.approx(sum(own) / len(own))


def test_a_decider_is_evaluated_behind_the_public_featurizer(tmp_path):
    one, others = task(tmp_path), public_nets(3)
    before = NETS.tensors()
    evaluation = evaluate_decider(one, NETS, others.decider.state_dict())
    assert_is_of(evaluation, torch.nn.Sequential(NETS.featurizer, others.decider), one)
    assert equal(NETS.tensors(), before)


def test_a_whole_network_is_evaluated_on_images(tmp_path):
    one, nets = task(tmp_path), public_nets(4)
    assert_is_of(evaluate_network(one, nets), nets.whole_network(), one)
    assert not any(module.training for part in (nets.featurizer, nets.decider) for module in part.modules())


def test_validation_images_are_not_the_test_images(tmp_path):
    one = task(tmp_path)
    answers = NETS.whole_network()(one.validation.images).argmax(1)
    answered = replace(one, validation=Labelled(one.validation.images, answers, 3))
    for evaluation in (evaluate_decider(answered, NETS, NETS.decider.state_dict()), evaluate_network(answered, NETS)):
        assert evaluation.validation_top1 == 1
        assert evaluation.top1 < 1


def test_both_ways_give_the_same(tmp_path):
    one = task(tmp_path)
    first, second = evaluate_decider(one, NETS, NETS.decider.state_dict()), evaluate_network(one, NETS)
    assert (first.top1, first.validation_top1) == (second.top1, second.validation_top1)
    assert torch.equal(first.correct, second.correct)


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: {name: tensor for name, tensor in state.items() if name != "head.bias"},
        lambda state: state | {"extra": torch.zeros(1)},
        lambda state: state | {"head.bias": torch.zeros(7)},
    ],
)
def test_the_weights_of_another_decider_are_refused(tmp_path, damage):
    with pytest.raises(TrainingError, match="wanted the weights of this study's decider"):
        evaluate_decider(task(tmp_path), NETS, damage(state_of(NETS.decider)))


def test_compactness_is_that_of_the_test_images_penultimate_activations(tmp_path):
    one, others = task(tmp_path), public_nets(3)
    activations = others.decider.activations(NETS.featurizer(one.test.images))
    wanted = pytest.approx(class_distance_normalised_variance(activations, one.test.labels), rel=1e-4)
    assert evaluate_decider(one, NETS, others.decider.state_dict()).compactness == wanted
    whole = class_distance_normalised_variance(others.decider.activations(others.featurizer(one.test.images)), one.test.labels)
    assert evaluate_network(one, others).compactness == pytest.approx(whole, rel=1e-4)


def test_a_decider_without_compactness_is_evaluated_all_the_same(tmp_path):
    one = task(tmp_path)
    nothing = {name: torch.zeros_like(tensor) for name, tensor in NETS.decider.state_dict().items()}
    evaluation = evaluate_decider(one, NETS, nothing)
    assert evaluation.compactness is None
    assert evaluation.top1 == pytest.approx(float((one.test.labels == 0).float().mean()))


def test_every_figure_of_a_task_with_many_classes_is_there(tmp_path):
    """Twelve classes: images are answered by what one row of a linear decider reads in them."""
    one = task(tmp_path)
    nets = copy.deepcopy(public_nets(5))
    nets.decider.head = torch.nn.Linear(nets.decider.head.in_features, 12)
    many = replace(
        one,
        test=Labelled(one.test.images, torch.arange(len(one.test)) % 12, 12),
        validation=Labelled(one.validation.images, torch.arange(len(one.validation)) % 12, 12),
    )
    for evaluation in (evaluate_decider(many, nets, state_of(nets.decider)), evaluate_network(many, nets)):
        ranks = nets.whole_network()(many.test.images).argsort(1, descending=True)[:, :5]
        among = [int(label) in row for label, row in zip(many.test.labels, ranks.tolist(), strict=True)]
        assert evaluation.quality["top5"] == pytest.approx(sum(among) / len(among))
        assert evaluation.quality["top1"] <= evaluation.quality["top5"]
        assert 0 <= evaluation.quality["validation_top1"] <= evaluation.quality["validation_top5"] <= 1
        assert "compactness" in evaluation.quality


def test_a_task_of_three_classes_has_no_top_five(tmp_path):
    quality = evaluate_network(task(tmp_path), public_nets(4)).quality
    assert set(quality) == {"top1", "validation_top1", "compactness"}
