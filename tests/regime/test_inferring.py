"""Attribute inference in an audit: who tells what the own images have, beside what the label tells and raw features."""

from dataclasses import dataclass, field, replace

import pytest
import torch

from dpm_flower.attacks.attribute_inference import AttributeInference
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import NotApplicable
from dpm_flower.regime.attacker_views import Exposed, Surroundings
from dpm_flower.regime.audit import audit
from dpm_flower.regime.leakage import FORMAT, Leakage
from dpm_flower.studies.formatted_json import JsonFormat
from tests.regime.examples import FEW, NETS, POISONING, STUDY, task
from tests.regime.turned import Turned, features
from tests.training.toys import pictures

NAMES = ("strong", "first class", "rare")


def strength(features_NChw):
    return features_NChw.mean((1, 2, 3))


def known(images):
    """With attributes: features that are stronger than most, class 0, which is unknown of the last image, and one that few have."""
    own = strength(features(images.images))
    numbers = torch.arange(len(images))
    found = torch.stack((own > own.median(), images.labels == 0, numbers < 4), 1).to(torch.uint8)
    found[-1, 1] = UNKNOWN
    return replace(images, attributes=found)


@dataclass(frozen=True)
class Reading:
    """Says of all attributes how strong the released features are, and notes what it was given."""

    level: Level = Level.L2
    name: str = "L2.reading"
    silent: bool = False
    notes: list = field(default_factory=list, repr=False, compare=False)

    def inferrer(self, view, rng):
        self.notes.append((view, float(torch.rand((), generator=rng))))
        return self

    def infer(self, release):
        if self.silent:
            return NotApplicable("it is asleep")
        return strength(release.features).unsqueeze(1).expand(-1, 3)


@dataclass(frozen=True)
class MadeUp:
    """The poisoning's name and knobs on a method whose releases belong to no image."""

    name: str = "made-up"
    unpaired: bool = True

    def prepare(self, preparation):
        raise AssertionError


def audited(one, by=0, method=POISONING):
    sharer = Turned(by)
    return audit(one, NETS, Exposed(method, sharer, sharer.share(one.train.images, one.train.labels)), features)


def asked(folder, *attacks, **changes):
    """A task of images with attributes, and a peer that knows those of its own."""
    own = {"train": known(pictures(24, seed=5)), "peer": known(pictures(18, seed=77)), "attribute_names": NAMES}
    return task(folder, study=replace(STUDY, attacks=attacks), **(own | changes))


def test_what_raw_features_tell_is_told_and_by_those_of_other_images_it_is_not(tmp_path):
    found = audited(asked(tmp_path / "1", Reading()))
    (leak,) = found.leakage.inferences
    assert [one.name for one in leak.attributes] == ["strong", "first class"]  # the third is had by too few
    strong, first = leak.attributes
    assert (strong.auc_raw, strong.auc_release, strong.known, strong.rate) == (1, 1, 24, 12 / 24)
    assert (first.auc_label, first.precision_label, first.known, first.rate) == (1, 1, 23, 8 / 23)
    other = audited(asked(tmp_path / "2", Reading()), by=1)
    assert other.leakage.inferences[0].attributes[0].auc_raw == 1
    assert other.leakage.inferences[0].attributes[0].auc_release < 0.8
    assert other.leakage.inferences[0].low < other.quality["L2.reading.auc_p"] < other.leakage.inferences[0].high


def test_its_figures_are_means_and_each_attribute_s_and_what_is_signed_has_its_anchor(tmp_path):
    found = audited(asked(tmp_path, Reading()))
    (leak,) = found.leakage.inferences
    quality = {key.removeprefix("L2.reading."): value for key, value in found.quality.items() if key.startswith("L2.")}
    ends = {f"{figure}_{of}" for figure in ("auc", "map") for of in ("z", "p", "label")}
    each = {f"{name}.auc_{of}" for name in NAMES[:2] for of in ("z", "p", "label")}
    assert set(quality) == ends | each | {"auc_p_low", "auc_p_high", "map_chance"}
    strong, first = leak.attributes
    assert quality["auc_p"] == (strong.auc_release + first.auc_release) / 2
    assert quality["map_z"] == (strong.precision_raw + first.precision_raw) / 2
    assert quality["map_chance"] == (12 / 24 + 8 / 23) / 2
    assert quality["first class.auc_label"] == 1
    signed = {key for key in found.scores if key.startswith("L2.")}
    assert signed == {f"L2.reading.{key}" for key in ("auc_p", "auc_p_high", "auc_label", "map_p", "map_label")}
    assert all(found.scores[key] == found.quality[key] for key in signed)


def test_it_stands_in_the_owner_s_report_and_not_in_the_headline(tmp_path):
    one = asked(tmp_path, Reading())
    found = audited(one)
    assert JsonFormat(Leakage, FORMAT, "an audit").read(one.site.leakage("c-0", repr(POISONING))) == found.leakage
    assert [attack.name for attack in found.leakage.attacks] == ["A0"]


@pytest.mark.parametrize(
    ("changes", "method", "reason"),
    [
        ({"train": pictures(24, seed=5), "peer": pictures(18, seed=77), "attribute_names": ()}, POISONING, "name no attributes"),
        ({"peer": pictures(18, seed=77)}, POISONING, "of the attacking peer's images no attributes are known"),
        ({"train": known(pictures(24, seed=5)).take(torch.arange(8))}, POISONING, "had by 5 of the own images"),
        ({}, MadeUp(), "made up"),
    ],
)
def test_where_nothing_can_be_inferred_it_says_so_and_the_audit_goes_on(changes, method, reason, tmp_path):
    reading = Reading()
    found = audited(asked(tmp_path / "1", reading, **changes), method=method)
    (leak,) = found.leakage.inferences
    assert reason in leak.reason
    assert (leak.attributes, leak.low, leak.high, leak.figures, reading.notes) == ((), None, None, {}, [])
    without = audited(asked(tmp_path / "2", **changes), method=method)
    assert (found.quality, found.scores, found.leakage.attacks[0].scores) == (
        without.quality,
        without.scores,
        without.leakage.attacks[0].scores,
    )
    assert without.leakage.inferences == ()


def test_an_inferrer_that_does_not_apply_where_there_are_attributes_keeps_a_release_in_the_house(tmp_path):
    with pytest.raises(ReleaseError, match=r"L2\.reading does not apply to cannot be audited: it is asleep"):
        audited(asked(tmp_path, Reading(silent=True)))


def test_an_inferrer_sees_the_recipe_and_the_peer_s_attributes_and_nothing_of_the_victim(tmp_path):
    reading, again = Reading(), Reading()
    one = asked(tmp_path / "1", reading)
    audited(one)
    audited(asked(tmp_path / "2", again))
    views, drawn = zip(*reading.notes, strict=True)
    assert [view.recipe.name for view in views] == ["raw-features", "deep-poisoning"]
    assert all(view.leaked is None and view.oracle is None and view.own.attributes is one.peer.attributes for view in views)
    assert drawn == tuple(number for _, number in again.notes)
    assert len(set(drawn)) == 2


def test_where_no_other_images_are_at_hand_the_attacker_knows_the_attributes_of_those_that_are_not_released(tmp_path):
    one = asked(tmp_path, Reading(), peer=None, validation=known(pictures(12, seed=9)))
    assert Surroundings.of(one, NETS).own.attributes is one.validation.attributes
    assert audited(one).leakage.inferences[0].attributes


def test_the_attack_itself_runs_in_an_audit_and_repeats_itself(tmp_path):
    attack = AttributeInference(fitting=FEW)
    found = [audited(asked(tmp_path / folder, attack)).quality for folder in ("1", "2")]
    assert found[0] == found[1]
    assert {"L2.s6-" in key or not key.startswith("L2") for key in found[0]} == {True}
    assert any(key.endswith(".strong.auc_p") for key in found[0])
