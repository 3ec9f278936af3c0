import torch

from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.feature_classifier import feature_classifier
from dpm_flower.training.attribute_reader import AttributeReader
from dpm_flower.training.prediction import apply
from tests.training.faces import faces
from tests.training.toys import CHANNELS, CPU, equal, public_nets, state_of

DATA = faces(48)
FEATURES = apply(public_nets().featurizer, DATA.images, CPU)
ALL = torch.arange(48)


def reader(attributes=DATA.attributes, **changes):
    with global_generator_from(stream(0, "reader")):
        network = feature_classifier(CHANNELS, attributes.shape[1], (1,))
    return AttributeReader(network, attributes, CPU, **({"learning_rate": 0.02} | changes))


def test_it_learns_from_what_it_is_shown_and_moves_nobody_else():
    one, given = reader(), FEATURES.clone().requires_grad_(True)
    before = float(one.loss(FEATURES, ALL))
    for _ in range(40):
        one.learn(given, ALL)
    assert float(one.loss(FEATURES, ALL)) < 0.5 * before
    assert given.grad is None
    assert not any(parameter.requires_grad for parameter in one.network.parameters())


def test_indices_say_whose_attributes_they_are():
    one, some = reader(), torch.tensor([5, 40, 2])
    one.network.eval()
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(one.network(FEATURES[some]), DATA.attributes[some].float())
    torch.testing.assert_close(one.loss(FEATURES[some], some), wanted)


def test_what_it_reads_leads_back_to_who_made_the_features():
    for answer in (lambda one, given: one.loss(given, ALL), lambda one, given: one.uninformed(given)):
        given = FEATURES.clone().requires_grad_(True)
        one = reader()
        answer(one, given).backward()
        assert float(given.grad.abs().sum()) > 0
        assert all(parameter.grad is None for parameter in one.network.parameters())


def test_more_steps_are_more_learning():
    losses = []
    for steps in (1, 5):
        one = reader(steps=steps)
        one.learn(FEATURES, ALL)
        losses.append(float(one.loss(FEATURES, ALL)))
    assert losses[1] < losses[0]
    once, twice = reader(), reader()
    once.learn(FEATURES, ALL)
    twice.learn(FEATURES, ALL)
    assert equal(state_of(once.network), state_of(twice.network))


def test_who_answers_how_frequent_each_attribute_is_knows_nothing():
    attributes = torch.tensor([[1, 0], [1, UNKNOWN], [0, UNKNOWN], [1, 1]], dtype=torch.uint8)  # 3 of 4, and of those known 1 of 2
    one = reader(attributes)
    for parameter in one.network.head.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        one.network.head.bias.copy_(torch.logit(torch.tensor([0.75, 0.5])))
    assert float(one.uninformed(FEATURES[:4])) < 1e-6
    with torch.no_grad():
        one.network.head.bias.copy_(torch.logit(torch.tensor([0.5, 0.75])))
    assert float(one.uninformed(FEATURES[:4])) > 0.05
