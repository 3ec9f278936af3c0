"""Linkage in an audit: who finds the image that a release was made of, beside chance, the label and raw features."""

from dataclasses import dataclass, field, replace

import pytest
import torch

from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.spanned_release import SpannedRelease
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import NotApplicable
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.regime.attacker_views import Exposed
from dpm_flower.regime.audit import audit
from dpm_flower.regime.leakage import FORMAT, Leakage
from dpm_flower.regime.linking import gallery_for
from dpm_flower.studies.formatted_json import JsonFormat
from tests.methods.preparations import preparation
from tests.regime.examples import NETS, POISONING, STUDY, task
from tests.regime.turned import Turned, features
from tests.training.toys import pictures

NEAREST = NearestFeatures()


@dataclass(frozen=True)
class Noting:
    """Says nothing, and notes what it was given."""

    level: Level = Level.L1
    name: str = "L1.noting"
    silent: bool = False
    notes: list = field(default_factory=list, repr=False, compare=False)

    def linker(self, view, rng):
        self.notes.append(view)
        return self

    def link(self, release, gallery):
        self.notes.append(gallery)
        return NotApplicable("it is asleep") if self.silent else torch.zeros(len(release.labels), len(gallery))


@dataclass(frozen=True)
class Drawing:
    """Says nothing, and notes what its stream begins with."""

    knob: int = 0
    level: Level = Level.L1
    drawn: list = field(default_factory=list, repr=False, compare=False)

    @property
    def name(self):
        return f"L1.{self.knob}"

    def linker(self, view, rng):
        self.drawn.append(float(torch.rand((), generator=rng)))
        return self

    def link(self, release, gallery):
        return torch.zeros(len(release.labels), len(gallery))


def audited(one, by=0):
    sharer = Turned(by)
    return audit(one, NETS, Exposed(POISONING, sharer, sharer.share(one.train.images, one.train.labels)), features)


def asked(folder, *attacks, **changes):
    return task(folder, study=replace(STUDY, attacks=attacks), **changes)


def test_raw_features_are_found_and_what_was_made_of_other_images_is_not(tmp_path):
    found = audited(asked(tmp_path / "1", NEAREST))
    (link,) = found.leakage.links
    assert link.raw == link.release == found.quality["L1.nearest.rank1_p"] == 1
    assert link.chance == pytest.approx(1 / link.candidates)
    assert link.low < 1 == link.high
    signed = {"rank1_p", "rank1_p_high", "rank1_label", "rank1_chance", "map_p"}
    assert {f"L1.nearest.{name}" for name in signed} <= set(found.scores)
    other = audited(asked(tmp_path / "2", NEAREST), by=1)
    assert other.quality["L1.nearest.rank1_p"] == 0
    assert other.quality["L1.nearest.rank1_z"] == 1
    assert other.scores["L1.nearest.rank1_p"] == 0
    assert other.scores["L1.nearest.map_p"] > 0


@pytest.mark.parametrize("method", [ShuffledImages(patch=4), MixedImages(patch=4)], ids=lambda method: method.name)
def test_encrypted_images_are_found_by_what_the_encryption_leaves_of_them(tmp_path, method):
    one = asked(tmp_path, NEAREST)
    sharer = method.prepare(replace(preparation(), private=one.train, rng=one.stream("method")))
    found = audit(one, NETS, Exposed(method, sharer, sharer.share(one.train.images, one.train.labels)), features)
    assert found.quality["L1.nearest.rank1_p"] == 1


def test_of_a_paired_release_who_tells_members_is_judged_by_how_they_stand_out(tmp_path):
    """Whose release is whose it does not say: one of a label would come first among the seven of it as often as by chance."""
    one = asked(tmp_path, SpannedRelease(), NEAREST)
    members, nearest = audited(one, by=1).leakage.links  # every image has the features of another, which are in the release all the same
    gallery = gallery_for(one)
    assert (members.members, nearest.members) == (True, False)
    assert members.candidates == len(gallery) - len(gallery.victims) + 1 < nearest.candidates == len(gallery)
    assert members.chance == members.label == pytest.approx(1 / members.candidates)
    assert members.release == members.raw == 1
    assert nearest.release == 0


def test_who_only_says_that_all_are_alike_is_at_chance(tmp_path):
    (link,) = audited(asked(tmp_path, Noting())).leakage.links
    assert link.release == pytest.approx(link.chance)
    assert link.label > link.chance


def test_a_linker_sees_the_recipe_and_candidates_and_nothing_of_the_victim(tmp_path):
    noting = Noting()
    one = asked(tmp_path, noting, peer=pictures(9, seed=77))
    audited(one)
    views, galleries = noting.notes[::2], noting.notes[1::2]
    assert [view.recipe.name for view in views] == ["raw-features", "deep-poisoning"]
    assert all(view.leaked is None and view.oracle is None and view.own is one.peer for view in views)
    assert torch.equal(*galleries)


def test_linkers_with_other_knobs_or_another_recipe_draw_from_other_streams_and_the_same_again_from_its_own(tmp_path):
    first, again, other = Drawing(), Drawing(), Drawing(knob=1)
    audited(asked(tmp_path / "1", first, other))
    audited(asked(tmp_path / "2", again))
    assert len(first.drawn) == len(other.drawn) == 2  # for raw features' recipe and for the defence's
    assert len({*first.drawn, *other.drawn}) == 4
    assert again.drawn == first.drawn


def test_the_label_alone_places_the_right_one_anywhere_among_the_candidates_of_its_class(tmp_path):
    """Of e candidates that are equal the right one comes first, second, ... or last: 1/e and (1 + 1/2 + ... + 1/e) / e."""
    one = asked(tmp_path, Noting())
    (link,) = audited(one).leakage.links
    gallery = gallery_for(one)
    labels = gallery.labels.tolist()
    equals = [labels.count(labels[place]) for place in gallery.places.tolist()]
    assert max(equals) > 1
    firsts = [1 / count for count in equals]
    reciprocals = [sum(1 / rank for rank in range(1, count + 1)) / count for count in equals]
    assert link.label == pytest.approx(sum(firsts) / len(firsts))
    assert link.map_label == pytest.approx(sum(reciprocals) / len(reciprocals))
    assert link.figures["map_label"] == link.map_label > link.label == link.figures["rank1_label"]


@pytest.mark.parametrize("peer", [None, pictures(9, seed=77)])
def test_no_candidate_is_one_of_the_images_that_the_attacker_owns(tmp_path, peer):
    one = task(tmp_path, peer=peer)
    owned = one.validation if peer is None else peer
    gallery = gallery_for(one)
    candidates = gallery.images
    assert not any(torch.equal(image, candidate) for image in owned.images for candidate in candidates)
    assert sum(any(torch.equal(image, candidate) for image in one.train.images) for candidate in candidates) == len(
        gallery_for(one).victims
    )


def test_a_linker_that_does_not_apply_keeps_a_release_in_the_house(tmp_path):
    with pytest.raises(ReleaseError, match=r"L1\.noting does not apply to cannot be audited: it is asleep"):
        audited(asked(tmp_path, Noting(silent=True)))


def test_it_stands_in_the_owner_s_report_and_not_in_the_headline(tmp_path):
    one = asked(tmp_path, NEAREST)
    found = audited(one)
    assert JsonFormat(Leakage, FORMAT, "an audit").read(one.site.leakage("c-0", repr(POISONING))) == found.leakage
    assert [attack.name for attack in found.leakage.attacks] == ["A0"]
