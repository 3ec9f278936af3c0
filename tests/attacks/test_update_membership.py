import pytest
import torch
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from dpm_flower.attacks.update_membership import UpdateMembership, alignments, calibrated, loss_falls
from dpm_flower.attacks.updated_part import part_of
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.metrics.membership import auc
from tests.attacks.updating import SHARP, clouds, network_of, noise_update, seen, trained
from tests.training.toys import CPU

MEMBERS, OTHERS = clouds(6, seed=3), clouds(36, seed=8)
BOTH = Labelled(torch.cat([MEMBERS.images, OTHERS.images]), torch.cat([MEMBERS.labels, OTHERS.labels]), MEMBERS.classes)
INSIDE = torch.arange(len(BOTH)) < len(MEMBERS)
LEARNT = trained(MEMBERS, 20, learning_rate=0.005, nets=SHARP)


def told(folder, update, measure="better"):
    return auc(UpdateMembership(measure=measure).scores(seen(folder, SHARP), update, BOTH), INSIDE)


@pytest.mark.parametrize("measure", ["better", "alignment", "loss"])
def test_it_tells_who_was_learnt(measure, tmp_path):
    assert told(tmp_path, LEARNT, measure) > 0.8


@pytest.mark.parametrize("measure", ["better", "alignment", "loss"])
def test_an_update_that_went_anywhere_tells_nothing(measure, tmp_path):
    assert 0.3 < told(tmp_path, noise_update(6, SHARP), measure) < 0.7


def test_alignments_are_cosines_with_each_images_own_gradient():
    part, network = part_of(SHARP, LEARNT, CPU), network_of(SHARP)
    parameters = dict(network.named_parameters())

    def loss(values, image, label):
        return functional.cross_entropy(functional_call(network, values, (image[None],)), label[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, BOTH.images, BOTH.labels)
    gradients = torch.cat([each[name].flatten(1) for name in parameters], 1)
    moved = torch.cat([went.flatten() for went in part.moved])
    wanted = functional.cosine_similarity(-gradients, moved[None]).double().detach()
    torch.testing.assert_close(alignments(part, seen(None, SHARP), BOTH), wanted, atol=1e-5, rtol=1e-4)


def test_losses_fall_as_cross_entropies_do_and_features_are_those_of_the_round():
    part = part_of(SHARP, LEARNT, CPU)
    before, after = (
        functional.cross_entropy(network(BOTH.images).double(), BOTH.labels, reduction="none").detach()
        for network in (part.start, part.after)
    )
    torch.testing.assert_close(loss_falls(part, seen(None, SHARP), BOTH), before - after, atol=1e-5, rtol=1e-4)
    decider = part_of(SHARP, ModelUpdate(SHARP.decider.state_dict(), 12), CPU)
    assert float(loss_falls(decider, seen(None, SHARP), BOTH).abs().max()) == 0


def test_the_better_measure_counts_in_deviations_from_own_images(tmp_path):
    view = seen(tmp_path, SHARP)
    both, *single = (UpdateMembership(measure=measure).scores(view, LEARNT, BOTH) for measure in ("better", "alignment", "loss"))
    torch.testing.assert_close(both, torch.stack(single).amax(0))


def test_a_measure_is_compared_within_its_class():
    known, labels = torch.tensor([1.0, 3.0, 10.0, 30.0, 7.0]).double(), torch.tensor([0, 0, 1, 1, 2])
    found = calibrated(torch.tensor([2.0, 20.0, 2.0]).double(), torch.tensor([0, 1, 2]), known, labels)
    assert found[:2].tolist() == [0, 0]
    assert float(found[2]) == pytest.approx(float((2 - known.mean()) / known.std()))  # one image of a class has no deviation


def test_it_repeats_itself(tmp_path):
    first, second = (UpdateMembership().scores(seen(tmp_path, SHARP), LEARNT, BOTH) for _ in range(2))
    assert torch.equal(first, second)


def test_a_release_holds_no_update(tmp_path):
    for release in (SharedImages(BOTH.images, BOTH.labels), SharedFeatures(torch.zeros(1, 4, 6, 6), BOTH.labels[:1])):
        answer = UpdateMembership().scores(seen(tmp_path, SHARP), release, BOTH)
        assert isinstance(answer, NotApplicable)
        assert "holds no model update" in answer.reason


def test_names_and_knobs(tmp_path):
    assert [UpdateMembership(measure=measure).name for measure in ("better", "loss")] == ["U2", "U2.loss"]
    assert UpdateMembership().level is Level.U2
    with pytest.raises(SettingError, match="measure must be one of better, alignment, loss, got 'both'"):
        UpdateMembership(measure="both")
    with pytest.raises(SettingError, match="at least 2 own images for U2, got 0"):
        UpdateMembership().scores(seen(tmp_path, SHARP, own=None), LEARNT, BOTH)
