from dataclasses import FrozenInstanceError, fields, replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.protocols import SharingMethod, WithFigures
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.nets.block_kinds import make_block
from dpm_flower.training.losses import EQUIVALENCES
from dpm_flower.training.perturbation import GaussianFilter, GaussianNoise, MeanFilter, Perturber, channel_units
from dpm_flower.training.perturbation_strength import Calibrated, settle, strength_of
from dpm_flower.training.prediction import apply
from dpm_flower.training.privacy import PrivacyTerm
from tests.methods.preparations import NETS, PRIVATE, features, preparation
from tests.training.toys import CPU, equal, state_of

METHOD = DeepPoisoning(blocks=2, fitting=Fitting(steps=4, batch_size=8, learning_rate=1e-2))


def shared(method=METHOD, owner="entity-a"):
    return method.prepare(preparation(owner)).share(PRIVATE.images, PRIVATE.labels)


@pytest.mark.parametrize("equivalence", EQUIVALENCES)
def test_it_shares_features_of_the_same_shape_that_are_not_the_raw_ones(equivalence):
    batch = shared(replace(METHOD, equivalence=equivalence))
    NETS.spec.check(batch.features)
    assert torch.equal(batch.labels, PRIVATE.labels)
    assert bool(batch.features.isfinite().all())
    assert float(batch.features.min()) >= 0  # the hook lies behind a ReLU
    assert float((batch.features - features(PRIVATE.images)).abs().mean()) > 0.05


def test_the_stream_is_the_secret():
    batch = shared()
    assert torch.equal(shared().features, batch.features)
    assert not torch.allclose(shared(owner="entity-b").features, batch.features)


def test_each_knob_changes_what_is_shared():
    methods = [
        METHOD,
        replace(METHOD, weight=3.0),
        replace(METHOD, blocks=1),
        *(replace(METHOD, equivalence=e) for e in ("labels", "response")),
    ]
    results = [shared(method).features for method in methods]
    assert not any(torch.equal(one, other) for index, one in enumerate(results) for other in results[:index])


def test_nothing_of_the_module_is_in_what_is_shared():
    sharer = METHOD.prepare(preparation())
    batch = sharer.share(PRIVATE.images, PRIVATE.labels)
    assert {field.name for field in fields(SharedFeatures)} == {"features", "labels", "codec"}
    assert batch.codec == ""
    assert not batch.features.requires_grad
    assert batch.features.grad_fn is None
    memory = {tensor.untyped_storage().data_ptr() for tensor in sharer.module.state_dict().values()}
    assert batch.features.untyped_storage().data_ptr() not in memory


def test_sharing_changes_nothing_and_an_image_is_poisoned_alone_as_in_company():
    sharer = METHOD.prepare(preparation())
    before = state_of(sharer.module)
    batch = sharer.share(PRIVATE.images, PRIVATE.labels)
    alone = sharer.share(PRIVATE.images[5:6], PRIVATE.labels[5:6])
    torch.testing.assert_close(alone.features, batch.features[5:6])
    assert equal(state_of(sharer.module), before)


def test_preparing_leaves_the_public_networks_and_the_global_generator_alone():
    tensors, state = NETS.tensors(), torch.random.get_rng_state()
    METHOD.prepare(preparation())
    assert equal(NETS.tensors(), tensors)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_its_training_is_reported():
    seen = []
    METHOD.prepare(preparation(report=seen.append))
    assert (seen[-1].work, seen[-1].step, seen[-1].steps) == ("dpm", 4, 4)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"equivalence": "logits"}, "equivalence must be one of labels, response, activations, got 'logits'"),
        ({"weight": -0.1}, "weight must be >= 0"),
        ({"weight": float("nan")}, "weight must be >= 0"),
        ({"blocks": 0}, "blocks must be at least 1"),
        ({"fitting": replace(METHOD.fitting, patience=2)}, "without patience, got 2"),
        ({"kind": "transformer"}, "kind must be one of backbone, basic, .*, got 'transformer'"),
    ],
)
def test_a_knob_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(METHOD, **changes)


@pytest.mark.parametrize(("backbone", "own"), [("resnet20", "basic"), ("vgg11-small", "vgg"), ("densenet121", "dense")])
def test_the_module_is_made_of_the_backbone_s_own_blocks_or_of_those_named(backbone, own):
    brief = replace(METHOD, blocks=1, fitting=Fitting(steps=1, batch_size=8, learning_rate=1e-2))
    given = preparation()
    given = replace(given, net=replace(given.net, spec=replace(given.net.spec, backbone=backbone)))
    for kind, wanted in (("backbone", own), ("bottleneck", "bottleneck")):
        block = make_block(wanted, NETS.spec.shape[0], final_relu=True)
        module = replace(brief, kind=kind).prepare(given).module
        assert [type(one) for one in module.blocks] == [type(block)]


def test_it_is_a_frozen_method_and_equal_settings_are_equal():
    assert isinstance(METHOD, SharingMethod)
    assert replace(METHOD) == METHOD != replace(METHOD, weight=2.0)
    with pytest.raises(FrozenInstanceError):
        METHOD.weight = 2.0  # type: ignore[misc]


PERTURBATIONS = [GaussianNoise(sigma=2.0), GaussianFilter(sigma=1.5), MeanFilter(kernel=3), Calibrated("gaussian-noise", drop=0.5)]


@pytest.mark.parametrize("perturbation", PERTURBATIONS)
def test_with_a_perturbation_the_module_reads_the_features_perturbed_once(perturbation):
    sharer = replace(METHOD, perturbation=perturbation).prepare(preparation())
    rng = torch.Generator().set_state(sharer.features.rng.get_state())
    settled, raw = settle(perturbation, preparation()).perturber.perturbation, features(PRIVATE.images)
    batch = sharer.share(PRIVATE.images, PRIVATE.labels)
    perturber = Perturber(settled, channel_units(raw))
    given = torch.cat([perturber(one, child_stream(rng)) for one in raw.split(1)])
    torch.testing.assert_close(batch.features, apply(sharer.module, given, CPU))
    NETS.spec.check(batch.features)
    assert isinstance(sharer, WithFigures)
    assert sharer.figures["perturbation_strength"] == strength_of(sharer.features.perturber.perturbation)


@pytest.mark.parametrize("perturbation", PERTURBATIONS)
def test_with_a_perturbation_the_same_stream_makes_the_same_release_to_the_byte(perturbation):
    method = replace(METHOD, perturbation=perturbation)
    assert shared(method).features.numpy().tobytes() == shared(method).features.numpy().tobytes()
    assert not torch.equal(shared(method).features, shared().features)


def test_without_a_perturbation_there_is_nothing_to_tell():
    assert METHOD.prepare(preparation()).figures == {}


def test_behind_noise_the_module_learns_to_give_the_decider_what_it_reads_from_raw_features():
    fitting = Fitting(steps=200, batch_size=12, learning_rate=2e-2, weight_decay=0.0)
    method = replace(METHOD, blocks=1, weight=0.0, perturbation=GaussianNoise(sigma=3.0), fitting=fitting)
    sharer = method.prepare(preparation())
    raw, noisy = features(PRIVATE.images), sharer.features(PRIVATE.images)
    poisoned = sharer.share(PRIVATE.images, PRIVATE.labels).features
    wanted, without, through = (apply(NETS.decider.trunk, z, CPU) for z in (raw, noisy, poisoned))
    assert float((through - wanted).square().mean()) < 0.5 * float((without - wanted).square().mean())


def test_what_is_no_perturbation_is_refused():
    with pytest.raises(SettingError, match=r"wanted a perturbation, or Calibrated, got 0\.5"):
        replace(METHOD, perturbation=0.5)


HIDING = replace(METHOD, privacy=PrivacyTerm(convolutions=(1,)))


def with_attributes(attributes):
    return replace(preparation(), private=Labelled(PRIVATE.images, PRIVATE.labels, PRIVATE.classes, attributes))


def test_with_a_privacy_term_it_is_the_private_images_attributes_that_count():
    some = torch.arange(len(PRIVATE)).remainder(2).to(torch.uint8).unsqueeze(1)
    results = [
        method.prepare(with_attributes(attributes)).share(PRIVATE.images, PRIVATE.labels).features
        for method, attributes in ((HIDING, some), (HIDING, some.flip(0)), (METHOD, some))
    ]
    assert not any(torch.equal(one, other) for place, one in enumerate(results) for other in results[:place])
    assert torch.equal(results[2], shared().features)


def test_a_privacy_term_without_attributes_is_refused():
    with pytest.raises(SettingError, match="wanted private images with attributes for PrivacyTerm"):
        HIDING.prepare(preparation())
