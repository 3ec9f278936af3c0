from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.metrics.mean_average_precision import mean_average_precision
from dpm_flower.nets.feature_classifier import feature_classifier
from dpm_flower.training.prediction import accuracy, apply
from dpm_flower.training.supervised import Examples, train_classifier
from tests.training.faces import faces
from tests.training.toys import CPU, classifier, equal, interrupting, pictures, public_nets, state_of

DATA, HELD_OUT = pictures(48), pictures(30, seed=1)
EXAMPLES = Examples(DATA.images, DATA.labels)
FITTING = Fitting(steps=40, learning_rate=0.03, batch_size=16)
FACES, OTHERS = faces(48), faces(32, seed=1)
READING = Fitting(steps=80, learning_rate=0.02, batch_size=16)


def train(fitting=FITTING, owner="a", **more):
    network = classifier()
    fitted = train_classifier(network, EXAMPLES, fitting, compute=CPU, rng=stream(0, owner), work="network", **more)
    return network, fitted


def distance(network):
    start = classifier()
    return float(torch.stack([(p - q).norm() for p, q in zip(network.parameters(), start.parameters(), strict=True)]).norm().detach())


def test_it_learns_what_held_out_images_show():
    before = accuracy(classifier(), HELD_OUT.images, HELD_OUT.labels, CPU).top1
    after = accuracy(train()[0], HELD_OUT.images, HELD_OUT.labels, CPU).top1
    assert before < 0.6
    assert after > 0.9


def test_the_stream_decides_everything():
    assert equal(state_of(train()[0]), state_of(train()[0]))
    assert not equal(state_of(train()[0]), state_of(train(owner="b")[0]))


def test_augmentation_reaches_the_training_and_is_the_stream_s():
    shifted = state_of(train(augment="shift")[0])
    assert not equal(shifted, state_of(train()[0]))
    assert equal(shifted, state_of(train(augment="shift")[0]))


def test_a_proximal_term_holds_the_network_near_its_start():
    free, held, bound = (distance(train(proximal_mu=mu)[0]) for mu in (0.0, 1.0, 100.0))
    assert bound < held < 0.8 * free


def test_the_proximal_term_is_nothing_at_the_start():
    once = replace(FITTING, steps=1)
    assert equal(state_of(train(once, proximal_mu=5.0)[0]), state_of(train(once)[0]))


def test_weights_say_how_much_each_example_counts_and_a_penalty_is_added():
    once, weights = replace(FITTING, steps=1, batch_size=48), torch.rand(48, generator=stream(0, "weights"))
    losses = functional.cross_entropy(classifier().train()(DATA.images), DATA.labels, reduction="none").detach()
    for weighted, slow in ((None, losses.mean()), (weights, (weights * losses).mean())):
        for penalty, more in ((None, 0.0), (lambda: torch.tensor(0.7), 0.7)):
            assert train(once, weights=weighted, penalty=penalty)[1].loss == pytest.approx(float(slow) + more, rel=1e-4)


def test_what_does_not_count_is_not_learnt():
    told = train(weights=(DATA.labels != 2).float())[0]
    answers = told.eval()(HELD_OUT.images).argmax(1)
    assert float((answers == HELD_OUT.labels)[HELD_OUT.labels != 2].float().mean()) > 0.9
    assert float((answers == 2).float().mean()) < 0.1


def test_a_decider_is_trained_on_features_and_frozen_parts_stay():
    nets = public_nets()
    features = nets.featurizer(DATA.images).detach()
    decider = nets.decider.requires_grad_(True)
    decider.head.requires_grad_(False)
    before, losses = state_of(decider), []
    train_classifier(
        decider,
        Examples(features, DATA.labels),
        replace(FITTING, steps=5 * FITTING.steps),
        compute=CPU,
        rng=stream(0, "a"),
        work="decider",
        proximal_mu=0.01,
        report=lambda progress: losses.append(progress.loss),
    )
    assert losses[-1] < losses[0]
    assert torch.equal(decider.head.weight, before["head.weight"])
    assert not torch.equal(decider.trunk[0].weight, before["trunk.0.weight"])


def test_validation_and_checkpoint_are_passed_on(tmp_path):
    with pytest.raises(InterruptedError):
        train(checkpoint=tmp_path / "c", report=interrupting(20))
    assert (tmp_path / "c").exists()
    assert equal(state_of(train(checkpoint=tmp_path / "c")[0]), state_of(train()[0]))
    scores = iter([0.5] * 99)
    assert train(replace(FITTING, patience=2), validate=lambda: next(scores))[1].steps == 9


def reader(attributes, fitting=READING):
    with global_generator_from(stream(0, "classifier")):
        network = feature_classifier(3, attributes.shape[1], (1,))
    train_classifier(network, Examples(FACES.images, attributes), fitting, compute=CPU, rng=stream(0, "training"), work="classifier")
    return network


def test_each_attribute_is_learnt_beside_the_other():
    found = mean_average_precision(apply(reader(FACES.attributes), OTHERS.images, CPU), OTHERS.attributes, ("blue", "red"))
    assert all(value > found.by_chance[name] + 0.3 for name, value in found.by_attribute.items())


def test_what_is_unknown_teaches_nothing():
    unknown = FACES.attributes.clone()
    unknown[:, 1] = UNKNOWN
    network, before = reader(unknown), reader(unknown, fitting=Fitting(steps=1, learning_rate=1e-12, batch_size=16, weight_decay=0.0))
    head = network.head.weight.detach()
    settled = Fitting(steps=80, learning_rate=0.02, batch_size=16, weight_decay=0.0)
    torch.testing.assert_close(reader(unknown, fitting=settled).head.weight[1], before.head.weight[1], atol=1e-6, rtol=0)
    assert not torch.allclose(head[0], before.head.weight[0], atol=1e-2)
