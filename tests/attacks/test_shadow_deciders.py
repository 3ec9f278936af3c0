import copy

import pytest
import torch

from dpm_flower.attacks.membership import LikelihoodRatio
from dpm_flower.attacks.shadow_deciders import ShadowDeciders
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.streams import stream
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.metrics.membership import auc
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples, train_classifier
from tests.attacks.peers import OWN, UNHIDDEN, VICTIMS, view_of
from tests.attacks.views import NETS, features
from tests.training.toys import CPU, equal

REFINING = Fitting(steps=5, learning_rate=0.02, batch_size=16)
SENT = VICTIMS.take(torch.arange(30))


def shadows(folder, method=RawFeatures(), refining=REFINING, **changes):  # noqa: B008
    view = view_of(folder, Level.L3, RawFeatures(), **({"recipe": method} | changes))
    return ShadowDeciders(view, refining)


def test_a_shadow_is_refined_as_a_receiver_refines(tmp_path):
    decide = shadows(tmp_path).refined(SENT, stream(0, "shadow"))
    rng = stream(0, "shadow")
    child_stream(rng)  # the recipe's
    decider = copy.deepcopy(NETS.decider).requires_grad_(True)
    inputs = torch.cat([features(OWN.images), features(SENT.images)])
    train_classifier(decider, Examples(inputs, torch.cat([OWN.labels, SENT.labels])), REFINING, compute=CPU, rng=rng, work="decider")
    assert torch.equal(decide(VICTIMS.images), apply(decider, features(VICTIMS.images), CPU))


def test_the_same_stream_gives_the_same_answers_and_another_one_others(tmp_path):
    first, again, other = (
        shadows(tmp_path, UNHIDDEN).refined(SENT, stream(0, owner))(VICTIMS.images) for owner in ("shadow", "shadow", "another")
    )
    assert torch.equal(again, first)
    assert not torch.equal(other, first)


def test_the_public_decider_stays_and_what_was_sent_matters(tmp_path):
    before = NETS.tensors()
    answers = [shadows(tmp_path).refined(VICTIMS.take(part), stream(0, "shadow"))(VICTIMS.images) for part in torch.arange(60).split(30)]
    assert equal(NETS.tensors(), before)
    assert not torch.equal(*answers)


def test_a_module_is_fitted_anew_and_a_method_that_shares_nothing_leaves_own_features(tmp_path):
    raw, unhidden, nothing, nothing_else = (
        shadows(tmp_path, method).refined(sent, stream(0, "shadow"))(VICTIMS.images)
        for method, sent in ((RawFeatures(), SENT), (UNHIDDEN, SENT), (Nothing(), SENT), (Nothing(), VICTIMS))
    )
    assert not torch.equal(raw, unhidden)
    assert not torch.equal(raw, nothing)
    assert torch.equal(nothing, nothing_else)


def test_a_decider_that_learnt_by_heart_tells_its_sender(tmp_path):
    """Features of few images, many steps: the sender's images are known from others of the same classes."""
    overfitting = shadows(tmp_path, refining=Fitting(steps=60, learning_rate=0.05, batch_size=32, weight_decay=0.0))
    inside = torch.arange(len(VICTIMS)) < 30
    refined = overfitting.refined(SENT, stream(0, "victim"))
    scores = LikelihoodRatio(shadows=4).scores(refined, overfitting.refined, VICTIMS, stream(0, "attacker"))
    assert auc(scores, inside) > 0.6


@pytest.mark.parametrize("missing", ["recipe", "own"])
def test_without_recipe_or_own_images_there_is_no_shadow(missing, tmp_path):
    with pytest.raises(SettingError, match="wanted a view with the recipe and the attacker's own images"):
        shadows(tmp_path, **{missing: None}).refined(SENT, stream(0, "shadow"))
