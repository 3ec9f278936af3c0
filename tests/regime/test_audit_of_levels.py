"""The audit by attackers who know more than public images: what they are asked about, and which victims they are judged by."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from dpm_flower.attacks.black_box import BlackBoxInversion
from dpm_flower.attacks.inverse import USUAL, Inverse
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.attacks.leaked_pairs import TUNING, LeakedPairs
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.level import Level
from tests.regime.examples import POISONING
from tests.regime.test_audit import Watching, attacked, audited, features
from tests.training.toys import pictures

PEER = pictures(9, seed=77)
INVERSE = Inverse(blocks=1, fitting=replace(USUAL.fitting, steps=2))
SHADOW = Shadow(inverse=INVERSE)
ATTACKS = (SHADOW, LeakedPairs(pairs=4, shadow=SHADOW, fitting=replace(TUNING, steps=2)), BlackBoxInversion(inverse=INVERSE))


def watched(folder, level):
    """The task, and the views and releases of raw features and of others, of an attack that is asked about both."""
    watching = Watching(level=level)
    one = attacked(folder, watching, peer=PEER)
    audited(one)
    return one, watching.notes[::2], watching.notes[1::2]


@pytest.mark.parametrize("level", [Level.A2, Level.A3, Level.A4])
def test_the_attacking_peer_owns_images_of_the_task(level, tmp_path):
    assert [view.own for view in watched(tmp_path, level)[1]] == [PEER, PEER]


def test_images_that_have_leaked_are_not_guessed_and_what_leaked_is_of_the_release_in_question(tmp_path):
    one, views, releases = watched(tmp_path, Level.A3)
    for view, release, shift in zip(views, releases, (0.0, 0.3), strict=True):
        assert (len(view.leaked.images), len(release.labels)) == (4, len(one.train) - 4)
        torch.testing.assert_close(view.leaked.released.features, features(view.leaked.images) + shift)
    assert torch.equal(views[0].leaked.images, views[1].leaked.images)  # so that raw and shared are compared on the same victims
    pictures = load_file(one.site.pictures("c-0", repr(POISONING)))
    assert torch.equal(pictures["originals"], one.train.images[:3])
    torch.testing.assert_close(releases[1].features[:3], features(one.train.images[:3]) + 0.3)  # those that the guesses stand beside


def test_the_oracle_is_that_of_the_release_in_question(tmp_path):
    _, views, _ = watched(tmp_path, Level.A4)
    for view, shift in zip(views, (0.0, 0.3), strict=True):
        torch.testing.assert_close(view.oracle(PEER.images, PEER.labels).features, features(PEER.images) + shift)


def test_attackers_of_every_level_have_all_figures_and_are_trained_once_for_each_release_that_they_are_asked_about(tmp_path):
    one = attacked(tmp_path, *ATTACKS, peer=PEER)
    first = audited(one)
    own = {name for name in first.quality if "." not in name and not name.startswith(("headline", "disclosed"))}
    heads = [f"{attack.name}." for attack in ATTACKS]
    assert {f"{head}{name}" for head in heads for name in own} <= set(first.quality)
    assert heads == ["A2.plain-1-x2.s2.", "A3.4.plain-1-x2.s2.tuned-s2.", "A4.plain-1-x2.s2."]
    assert len(list(tmp_path.rglob(WEIGHTS))) == 6  # three, for raw features and for the release
    assert audited(one).quality == first.quality
    assert len(list(tmp_path.rglob(WEIGHTS))) == 6
    audited(one, shift=0.4)  # another release of the same method
    assert len(list(tmp_path.rglob(WEIGHTS))) == 8  # of the two who see something of the victim
