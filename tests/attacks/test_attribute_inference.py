from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks import attribute_inference
from dpm_flower.attacks.attribute_inference import INFERRING, AttributeInference
from dpm_flower.attacks.attribute_rates import attribute_rates
from dpm_flower.attacks.jigsaw import Jigsaw
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, AttributeAttack, LinkageAttack, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.metrics.attribute_scores import attribute_scores
from tests.attacks.made import Made, Making
from tests.attacks.views import features, scenes, view
from tests.regime.reachable import shares_with, tensors_from
from tests.training.toys import interrupting

ATTACK = AttributeInference(fitting=Fitting(steps=60, learning_rate=1e-2, batch_size=24, weight_decay=1e-2))
BRIEF = AttributeInference(fitting=replace(INFERRING, steps=3, batch_size=8))
SURE, ABOUT = 0.95, 0.15  # AUC of chance has a standard deviation of 0.06 with as many victims


def marked(count, seed):
    """Scenes of which some have a bright corner, by the toss of a coin; some are of class 0; and some are neither in any visible way."""
    found = scenes(count, seed)
    coins = torch.randint(0, 2, (count, 2), generator=torch.Generator().manual_seed(seed))
    images = found.images.clone()
    images[coins[:, 0] == 1, :, :5, :5] = 1
    known = torch.stack((coins[:, 0], (found.labels == 0).long(), coins[:, 1]), 1).to(torch.uint8)
    known[::11] = UNKNOWN
    return replace(found, images=images, attributes=known)


PUBLIC, OWN, VICTIMS = marked(36, 0), marked(60, 1), marked(90, 2)
CORNER, CLASS, NOTHING = range(3)
FLOOR = attribute_scores(attribute_rates(OWN)[VICTIMS.labels], VICTIMS.attributes).auc


NEGATIVE = Made(lambda z, labels, rng: 2 - 3 * z, "negative")
LABEL_ONLY = Made(lambda z, labels, rng: torch.zeros_like(z), "label")
SCALED = Made(lambda z, labels, rng: z * float(torch.rand((), generator=rng)), "scaled")


def inferrer(folder, attack, method, **changes):
    known = {"recipe": method, "own": OWN, "public": PUBLIC}
    return attack.inferrer(view(folder / method.name, **(known | changes)), stream(0, "attacker"))


def release(method):
    return Making(method.made, stream(0, "victim")).share(VICTIMS.images, VICTIMS.labels)


RAW = SharedFeatures(features(VICTIMS.images), VICTIMS.labels)


def aucs(scores):
    assert scores.shape == (len(VICTIMS), 3)
    return attribute_scores(scores, VICTIMS.attributes).auc.tolist()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the inferrers of these tests lie, each trained once."""
    return tmp_path_factory.mktemp("inferrers")


@pytest.mark.parametrize(("method", "batch"), [(RawFeatures(), RAW), (NEGATIVE, release(NEGATIVE))], ids=["raw", "negative"])
def test_what_is_visible_in_features_is_inferred_from_them_and_from_what_hides_nothing(method, batch, kept):
    found = aucs(inferrer(kept, ATTACK, method).infer(batch))
    assert found[CORNER] > SURE > FLOOR[CORNER] + 0.3
    assert found[CLASS] > SURE
    assert found[NOTHING] == pytest.approx(0.5, abs=0.2)


def test_from_a_release_that_holds_the_label_alone_nothing_is_inferred_that_the_label_does_not_tell(kept):
    found = aucs(inferrer(kept, ATTACK, LABEL_ONLY).infer(release(LABEL_ONLY)))
    assert found[CLASS] == FLOOR[CLASS] == 1  # a reader sees the label whatever was done to the features
    for told in (found, FLOOR.tolist()):
        assert [told[CORNER], told[NOTHING]] == pytest.approx([0.5, 0.5], abs=ABOUT)


def test_released_images_are_read_by_their_features_whether_images_or_features_were_expected(kept):
    for method in (RawFeatures(), RawImages()):
        found = aucs(inferrer(kept, ATTACK, method).infer(SharedImages(VICTIMS.images, VICTIMS.labels)))
        assert found[CORNER] > SURE


def test_shuffled_patches_are_put_in_order_before_they_are_read(kept):
    """A corner that may lie anywhere would be told from nothing else that is as bright."""
    recipe, seen = ShuffledImages(patch=6), []

    def noted(images):
        seen.append(images)
        return features(images)

    shuffled = SharedImages(ShuffledImages(patch=6).encryption(VICTIMS.images, stream(0, "victim")), VICTIMS.labels)
    found = aucs(inferrer(kept, ATTACK, recipe, features=noted).infer(shuffled))
    assert torch.equal(seen[-1], Jigsaw().solved(shuffled.images, 6))
    assert found[CORNER] > FLOOR[CORNER] + 0.2


@pytest.mark.parametrize("method", [RawFeatures(), Nothing()], ids=lambda method: method.name)
def test_a_model_update_is_another_attack_s_business(method, tmp_path):
    answer = inferrer(tmp_path, BRIEF, method).infer(ModelUpdate({}, 3))
    assert isinstance(answer, NotApplicable)
    assert "model update" in answer.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipe": Nothing()}, "nothing is shared"),
        ({"own": replace(OWN, attributes=None), "public": replace(PUBLIC, attributes=None)}, "of none of the attacker's images"),
        ({"own": replace(OWN, attributes=OWN.attributes * 0 + UNKNOWN), "public": replace(PUBLIC, attributes=None)}, "of none of the"),
    ],
)
def test_without_features_or_attributes_it_says_why_it_has_nothing_to_say(changes, reason, tmp_path):
    answer = inferrer(tmp_path, BRIEF, RawFeatures(), **changes).infer(RAW)
    assert isinstance(answer, NotApplicable)
    assert reason in answer.reason
    assert list(tmp_path.rglob(WEIGHTS)) == []


def test_images_whose_attributes_are_unknown_teach_it_nothing(tmp_path):
    """As if they were not there: the public images' attributes may lack altogether."""
    strange = replace(PUBLIC, images=1 - PUBLIC.images, attributes=PUBLIC.attributes * 0 + UNKNOWN)
    found = [
        inferrer(tmp_path / folder, BRIEF, RawFeatures(), public=public).infer(RAW)
        for folder, public in (("1", replace(PUBLIC, attributes=None)), ("2", replace(PUBLIC, attributes=strange.attributes)))
    ]
    assert torch.equal(*found)
    assert aucs(inferrer(tmp_path / "3", ATTACK, RawFeatures(), public=strange).infer(RAW))[CORNER] > SURE


def test_nothing_of_the_victim_is_in_it(tmp_path):
    made = inferrer(tmp_path, replace(BRIEF, shadows=2), NEGATIVE)
    held = tensors_from(made)
    assert not any(shares_with(tensor, [VICTIMS.images, release(NEGATIVE).features, VICTIMS.attributes]) for tensor in held)
    assert any(tensor is next(made.classifier.parameters()) for tensor in held)  # the search does find what is there


@pytest.mark.parametrize(("knobs", "times"), [({}, 1), ({"shadows": 2}, 2), ({"shadows": 2, "variants": (SCALED, RawFeatures())}, 4)])
def test_it_is_trained_as_long_on_every_module_and_reported_under_its_name(knobs, times, tmp_path):
    seen = set()
    attack = replace(BRIEF, **knobs)
    inferrer(tmp_path, attack, NEGATIVE, report=lambda progress: seen.add((progress.work, progress.steps)))
    assert seen == {(attack.name, times * BRIEF.fitting.steps)}


def test_it_is_trained_once_and_the_stream_alone_decides_what_it_draws(tmp_path):
    known = {"recipe": SCALED, "own": OWN, "public": PUBLIC}
    found = [
        BRIEF.inferrer(view(tmp_path / folder, **known), stream(0, owner)).infer(release(SCALED))
        for folder, owner in (("1", "attacker"), ("1", "attacker"), ("2", "attacker"), ("3", "another"))
    ]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[3])
    assert len(list(tmp_path.rglob(WEIGHTS))) == 3


def test_one_that_was_interrupted_goes_on_to_the_same_weights(tmp_path):
    attack = replace(BRIEF, shadows=2, fitting=replace(BRIEF.fitting, steps=15, batch_size=24))
    with pytest.raises(InterruptedError):
        inferrer(tmp_path / "1", attack, SCALED, report=interrupting(20))
    steps = []
    again = inferrer(tmp_path / "1", attack, SCALED, report=lambda progress: steps.append(progress.step))
    assert steps[0] == 21  # of 30; the first two epochs, of 7 steps each, were not trained again
    found = [made.infer(release(SCALED)) for made in (again, inferrer(tmp_path / "2", attack, SCALED))]
    assert torch.equal(*found)


def test_with_public_images_alone_nothing_of_its_own_is_used_and_its_name_says_so(tmp_path):
    attack = replace(BRIEF, auxiliary="public")
    inferrer(tmp_path, attack, NEGATIVE, own=None)
    assert attack.name.endswith(".public")
    assert (AttributeInference().name, AttributeInference(auxiliary="public", shadows=3).name) == ("L2", "L2.x3.public")
    assert AttributeInference(fitting=replace(INFERRING, steps=7)).name == "L2.s7"


def test_what_it_needs_and_does_not_have_is_refused(tmp_path):
    with pytest.raises(SettingError, match="wanted a view with the recipe for L2"):
        inferrer(tmp_path / "1", BRIEF, NEGATIVE, recipe=None)
    with pytest.raises(SettingError, match="wanted a view with the attacker's own images"):
        inferrer(tmp_path / "2", BRIEF, NEGATIVE, own=None)


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"auxiliary": "mine"}, "own, got 'mine'"),
        ({"shadows": 0}, "at least 1, got 0"),
        ({"variants": (("blocks", 2),)}, "variants are sharing methods"),
        ({"fitting": replace(INFERRING, patience=2)}, "without patience, got 2"),
    ],
)
def test_knobs_that_cannot_work_are_refused_at_birth(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        AttributeInference(**knobs)


def test_it_answers_what_images_have_and_guesses_and_links_none():
    assert isinstance(ATTACK, AttributeAttack)
    assert not isinstance(ATTACK, Attack | LinkageAttack)
    assert ATTACK.level is Level.L2
    assert hash(ATTACK) == hash(replace(ATTACK))


def test_public_images_of_another_kind_move_nothing_that_is_learnt(tmp_path, monkeypatch):
    """A release is standardised by itself; what is learnt from has to be as well, and not among images without attributes."""
    learnt = []
    monkeypatch.setattr(attribute_inference, "train_classifier", lambda network, examples, *others, **named: learnt.append(examples.inputs))
    strange = replace(PUBLIC, images=PUBLIC.images * 0.1, attributes=None)
    inferrer(tmp_path, BRIEF, NEGATIVE, public=strange)
    (inputs,) = learnt
    channels = inputs[:, : features(OWN.images[:1]).shape[1]]
    torch.testing.assert_close(channels.mean((0, 2, 3)), torch.zeros(channels.shape[1]), atol=1e-4, rtol=0)
