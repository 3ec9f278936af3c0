"""The audit of what is made up: nothing is paired that does not belong together, nothing is called safe for that, and nothing crashes."""

from dataclasses import dataclass, field, replace

import pytest
import torch

from dpm_flower.attacks.inverse import USUAL, Inverse
from dpm_flower.attacks.jigsaw import Jigsaw
from dpm_flower.attacks.leaked_pairs import TUNING, LeakedPairs
from dpm_flower.attacks.linkage import MATCHING, Linkage
from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.attacks.spanned_release import SpannedRelease
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Guess
from dpm_flower.core.shared import SharedFeatures, SharedImages
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.memorisation_gate import MemorisationGate
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.methods.synthetic_images import SyntheticImages
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.regime.attacker_views import Exposed
from dpm_flower.regime.audit import audit
from dpm_flower.regime.contribute import contribute
from dpm_flower.regime.leakage import FORMAT, OF_UNPAIRED, Leakage
from dpm_flower.studies.formatted_json import JsonFormat
from dpm_flower.training.prediction import apply
from tests.regime.contributions import released
from tests.regime.examples import NETS, STUDY, notary, task
from tests.training.toys import CPU, SIDE, pictures

SHADOW = Shadow(inverse=Inverse(blocks=1, fitting=replace(USUAL.fitting, steps=2)))
LINKAGE = Linkage(fitting=replace(MATCHING, steps=2, batch_size=8))
LEAKED = LeakedPairs(pairs=4, shadow=SHADOW, fitting=replace(TUNING, steps=2))
ATTACKS = (SHADOW, LEAKED, NearestFeatures(), LINKAGE)
FEW = Fitting(steps=2, learning_rate=1e-3, batch_size=8, weight_decay=0.0, schedule="cosine")
PEER = pictures(9, seed=77)
MADE_UP = SyntheticImages(noise=4, width=4, fitting=FEW, gate=MemorisationGate(alpha=0.01, tolerated=1.0))


@dataclass(frozen=True)
class Fixed:
    """Shares images that are there, whoever asks."""

    images: torch.Tensor

    def share(self, images, labels):
        return SharedImages(self.images, labels)


@dataclass(frozen=True)
class Claimed:
    """A method whose releases are called made up, and which nobody can run: an attacker that tries to has no need to."""

    unpaired = True
    name: str = "claimed"

    def prepare(self, preparation):
        raise AssertionError("a shadow of it was made")


def features(images):
    return apply(NETS.featurizer, images, CPU)


@dataclass(frozen=True)
class Reading:
    """Looks at images that were released, and holds the truth where features were, so that it counts."""

    truth: torch.Tensor = field(repr=False)
    level: Level = Level.A1
    name: str = "A1.reading"

    def prepare(self, view, rng):
        return self

    def guess(self, release):
        return Guess(release.images if isinstance(release, SharedImages) else self.truth)


def audited(folder, images, method=None, attacks=ATTACKS):
    one = task(folder, study=replace(STUDY, attacks=attacks), peer=PEER)
    return audit(one, NETS, Exposed(method or Claimed(), Fixed(images), SharedImages(images, one.train.labels)), features), one


def test_copies_in_another_order_disclose_all_and_link_all(tmp_path):
    own = task(tmp_path).train.images
    found, one = audited(tmp_path, own.roll(7, 0))
    assert found.quality[f"{SHADOW.name}.ssim_p"] == pytest.approx(1.0, abs=1e-5)
    assert found.quality[f"{LEAKED.name}.ssim_p"] == pytest.approx(1.0, abs=1e-5)  # also for who is judged by some of the images only
    assert found.figures["L1.nearest"]["rank1_p"] == pytest.approx(1.0)
    assert found.figures[LINKAGE.name]["rank1_p"] == pytest.approx(1.0)
    kept = JsonFormat(Leakage, FORMAT, "an audit").read(one.site.leakage("c-0", repr(Claimed())))
    assert kept.unpaired
    assert kept.proves.endswith(OF_UNPAIRED)


def test_who_finds_nothing_to_learn_from_says_so_in_the_record_and_in_the_manifest(tmp_path):
    images = task(tmp_path).train.images
    found, _ = audited(tmp_path, images)
    told = {one.name: one.unlearnt for one in (*found.leakage.attacks, *found.leakage.links)}
    assert [name for name, reason in told.items() if "made up" in reason] == [SHADOW.name, LEAKED.name, LINKAGE.name]
    assert [name for name, reason in told.items() if not reason] == ["A0", "L1.nearest"]
    assert {key: value for key, value in found.scores.items() if key.endswith(".unlearnt")} == {
        f"{name}.unlearnt": 1.0 for name in (SHADOW.name, LEAKED.name, LINKAGE.name)
    }


@dataclass(frozen=True)
class SurelyAble:
    """A shadow attack that is shown able to succeed on raw features, where it holds the truth."""

    truth: torch.Tensor = field(repr=False)
    level: Level = Level.A2
    name: str = "A2.able"

    def prepare(self, view, rng):
        return SHADOW.prepare(view, rng) if isinstance(view.recipe, Claimed) else Reading(self.truth)


def test_a_headline_is_made_of_what_everybody_can_do_where_somebody_was_asked_whom_made_up_releases_teach_nothing(tmp_path):
    own = task(tmp_path).train.images
    found, _ = audited(tmp_path / "able", own.roll(7, 0), attacks=(SurelyAble(own),))
    (everybody, able) = found.leakage.attacks
    assert "made up" in able.unlearnt
    assert able.scores["ssim"].release == everybody.scores["ssim"].release
    assert found.headline["headline_p"] > 0.9
    assert found.leakage.reason == ""


@pytest.mark.parametrize(("attacks", "reason"), [((), "nobody was asked but"), ((Jigsaw(),), "nobody was asked who does more")])
def test_no_headline_is_made_of_what_everybody_can_do_alone(attacks, reason, tmp_path):
    found, _ = audited(tmp_path, task(tmp_path).train.images, attacks=attacks)
    assert found.headline == {}
    assert found.leakage.mean is None
    assert found.leakage.reason.startswith(reason)


def test_chance_is_what_real_images_of_others_come_to(tmp_path):
    own = task(tmp_path).train.images
    copied, _ = audited(tmp_path / "1", own.roll(7, 0), attacks=(Reading(own),))
    assert copied.scores["headline_p_chance"] < 0.9 < copied.scores["headline_p"]
    others, _ = audited(tmp_path / "2", PEER.images.repeat(len(own), 1, 1, 1)[: len(own)], attacks=(Reading(own),))
    for figure in ("headline_p", "headline_p_p95"):
        assert others.scores[f"{figure}_chance"] == pytest.approx(others.scores[figure], abs=1e-4)


def test_images_of_nobody_link_as_chance_does_and_disclose_less(tmp_path):
    found, _ = audited(tmp_path, pictures(20 + ord("a") % 3, seed=4711).images)
    link = found.leakage.links[0]
    assert link.members
    assert link.chance == link.label == pytest.approx(1 / link.candidates)
    assert link.release < 0.5 < link.raw
    assert found.quality[f"{SHADOW.name}.ssim_p"] < 0.95


def test_what_is_paired_is_paired_as_ever(tmp_path):
    """The same copies, had they been released as images of their owners."""
    one = task(tmp_path, study=replace(STUDY, attacks=(NearestFeatures(),)))
    images = one.train.images.roll(7, 0)
    found = audit(one, NETS, Exposed(RawImages(), Fixed(images), SharedImages(images, one.train.labels)), features)
    assert found.quality["ssim_p"] < 0.9
    assert found.figures["L1.nearest"]["rank1_p"] < 0.5
    assert not found.leakage.unpaired
    assert OF_UNPAIRED not in found.leakage.proves


def test_a_made_up_release_is_audited_published_and_read_by_a_peer(tmp_path):
    one = task(tmp_path, study=replace(STUDY, attacks=ATTACKS))
    made = contribute(one, NETS, MADE_UP, 0, notary())
    batch, manifest = released(one, made, ImageSpec(shape=(3, SIDE, SIDE)))
    assert torch.equal(batch.labels, one.train.labels)
    assert manifest.method == "synthetic-images"
    assert {"synthetic_memorised", "synthetic_nearness", f"{SHADOW.name}.ssim_p", "L1.nearest.rank1_p"} <= set(made.quality)


def test_features_that_are_drawn_leave_for_classes_with_enough_images_and_are_judged_by_everybody(tmp_path):
    train = pictures(23, seed=97)  # 8, 8 and 7 of three classes
    method = DrawnFeatures(neighbours=8, least=8)
    one = task(tmp_path, study=replace(STUDY, attacks=(*ATTACKS, SpannedRelease())), peer=PEER, train=train)
    made = contribute(one, NETS, method, 0, notary())
    batch, manifest = released(one, made)
    assert manifest.samples == len(batch.labels) == 16
    assert "top1_p" not in made.quality
    leakage = JsonFormat(Leakage, FORMAT, "an audit").read(one.site.leakage("c-0", repr(method)))
    assert leakage.images == 16  # of what did not leave nothing was told, and it would make the others' shares smaller
    assert made.quality[f"{SHADOW.name}.ssim_p"] == made.quality["ssim_p"]  # it has nothing to learn from, and does what A0 does
    assert made.quality["L1.spanned.rank1_p"] > 0.5
    assert made.quality["L1.spanned.rank1_z"] > 0.5


def test_whoever_audits_a_release_of_some_classes_need_not_know_that_the_others_are_no_victims(tmp_path):
    train = pictures(23, seed=97)  # 8, 8 and 7 of three classes
    shared = (train.labels != 2).nonzero().flatten()
    assert len(shared) == 16
    method, drawn = DrawnFeatures(neighbours=8, least=8), SharedFeatures(features(train.images[shared.flip(0)]), train.labels[shared])
    study = replace(STUDY, attacks=(NearestFeatures(),))
    sets = [train, train.take(shared)]
    whole, behind = (
        audit(task(tmp_path / str(len(own)), study=study, peer=PEER, train=own), NETS, Exposed(method, Fixed(own.images), drawn), features)
        for own in sets
    )
    assert whole.leakage.images == 16
    assert whole.quality == behind.quality
    assert whole.leakage.links[0].victims == behind.leakage.links[0].victims
