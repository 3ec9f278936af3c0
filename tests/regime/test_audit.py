from dataclasses import dataclass, field, replace

import pytest
import torch
from safetensors.torch import load_file

from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.attacks.jigsaw import Jigsaw
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.attacks.optimised import Optimised
from dpm_flower.attacks.other_reconstructor import OtherReconstructor
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled, as_bytes
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Guess, NotApplicable
from dpm_flower.core.shared import SharedFeatures, SharedImages
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages, RawImagesSharer
from dpm_flower.regime import judging
from dpm_flower.regime.attacker_views import Exposed
from dpm_flower.regime.audit import audit
from dpm_flower.regime.leakage import FORMAT, Leakage
from dpm_flower.regime.raw_verdict import FILE as RAW_VERDICT
from dpm_flower.studies.formatted_json import JsonFormat
from dpm_flower.training.prediction import apply
from tests.regime.examples import NETS, POISONING, STUDY, files, task
from tests.training.toys import CPU, public_nets

OTHER = OtherReconstructor(blocks=1, fitting=Fitting(steps=4, batch_size=6, learning_rate=1e-2, weight_decay=0.0))


def features(images):
    return apply(NETS.featurizer, images, CPU)


def attacked(folder, *attacks, **changes):
    return task(folder, study=replace(STUDY, attacks=attacks), **changes)


def audited(one, method=POISONING, shift=0.3, nets=NETS):
    """An audit of features that lie `shift` away from the raw ones."""
    sharer = Shifting(shift)
    return audit(one, nets, Exposed(method, sharer, sharer.share(one.train.images, one.train.labels)), features)


@dataclass(frozen=True)
class Shifting:
    """Shares features that lie `shift` away from the raw ones."""

    shift: float

    def share(self, images, labels):
        return SharedFeatures(features(images) + self.shift, labels)


@dataclass(frozen=True)
class Watching:
    """Guesses the mean of the public images, and takes notes of its views and releases."""

    level: Level = Level.A1
    name: str = "A1.watching"
    notes: list = field(default_factory=list, repr=False, compare=False)
    silent: bool = False
    pairs: int = 4

    def prepare(self, view, rng):
        self.notes.append(view)
        return _Attacker(self, view)


@dataclass
class _Attacker:
    attack: Watching
    view: object

    def guess(self, release):
        self.attack.notes.append(release)
        if self.attack.silent:
            return NotApplicable("it has gone fishing")
        return Guess(self.view.public.images.mean(0).expand(len(release.labels), -1, -1, -1))


def test_the_public_reconstructor_is_always_asked_and_its_figures_bear_no_name(tmp_path):
    one = attacked(tmp_path)
    raw = features(one.train.images)
    found = audited(one)
    wanted = disclosure(one.train.images, Guess(apply(NETS.reconstructor, raw, CPU)), NETS.featurizer, CPU).figures("z")
    wanted |= disclosure(one.train.images, Guess(apply(NETS.reconstructor, raw + 0.3, CPU)), NETS.featurizer, CPU).figures("p")
    assert {name: found.quality[name] for name in wanted} == pytest.approx(wanted, abs=1e-5)
    beside = {name for name in found.quality if name not in wanted}
    assert {name for name in beside if not name.startswith(("headline_p", "floor."))} <= {"disclosed_p", "disclosed_p_p95"}
    signed = ("ssim_p", "windowed_ssim_p", "structure_p", "edge_p", "perceptual_p", "disclosed_p", "disclosed_p_p95")
    wanted = {f"A0.{name}": found.quality[name] for name in signed if name in found.quality}
    assert found.scores == wanted | {"attacker_images": len(one.validation)}
    assert not found.headline  # a module is trained against this attacker: alone it makes no headline
    assert "nobody was asked but the public reconstructor" in found.leakage.reason


def test_every_attack_of_the_study_has_every_figure_below_its_name(tmp_path):
    watching = Watching()
    found = audited(attacked(tmp_path, OTHER, watching))
    own = {name for name in found.quality if "." not in name and not name.startswith(("headline", "disclosed"))}
    assert len(own) == 24
    assert {f"{head}.{name}" for head in (OTHER.name, "A1.watching") for name in own} <= set(found.quality)
    assert {name.removeprefix("floor.") for name in found.quality if name.startswith("floor.")} == {
        name.removesuffix("_p") for name in own if name.endswith("_p")
    }
    for attack in ("A0", "A1.watching", OTHER.name):
        assert {f"{attack}.{name}_p" for name in ("ssim", "windowed_ssim", "structure", "edge", "perceptual")} <= set(found.scores)
    assert found.scores["A1.watching.ssim_p"] == found.quality["A1.watching.ssim_p"]
    # a guess that does not look at the release scores the same whatever is released; one that does look does not
    assert found.quality["A1.watching.l1_z"] == found.quality["A1.watching.l1_p"]
    assert found.quality[f"{OTHER.name}.l1_z"] != found.quality[f"{OTHER.name}.l1_p"]


def test_an_attacker_sees_the_release_and_what_is_public_and_no_image_of_the_victim(tmp_path):
    watching = Watching()
    one = attacked(tmp_path, watching)
    audited(one)
    views, releases = watching.notes[::2], watching.notes[1::2]
    for view in views:
        assert view.public is one.public
        assert view.net is NETS
    assert [float((batch.features - features(one.train.images)).abs().max()) for batch in releases] == pytest.approx([0, 0.3], abs=1e-5)


@pytest.mark.parametrize("level", [level for level in Level if level is not Level.A0])
def test_only_who_stands_high_enough_knows_the_recipe(level, tmp_path):
    """And for whom the recipe matters, each method has an attacker of its own; raw features are judged as if everybody knew them raw."""
    watching = Watching(level=level)
    one = attacked(tmp_path, watching)
    for method in (POISONING, RawFeatures()):
        audited(one, method, shift=0.3 if method == POISONING else 0.0)
    views = watching.notes[::2]
    knows = level not in (Level.A1, Level.A5, Level.A6, Level.U1, Level.U2)
    assert [view.recipe for view in views] == ([RawFeatures(), POISONING, RawFeatures()] if knows else [None, None, None])
    assert len({view.folder for view in views}) == 1 + knows


def test_an_attacker_is_trained_once_for_all_methods(tmp_path):
    reports = []
    one = attacked(tmp_path, OTHER, report=reports.append)
    first = audited(one)
    trained = len(reports)
    second = audited(one, RawFeatures(), shift=0.0)
    assert trained == len(reports) > 0
    for name in ("ssim", "l1"):
        assert second.quality[f"{OTHER.name}.{name}_z"] == first.quality[f"{OTHER.name}.{name}_z"]
    assert len(list(one.site.folder.rglob(WEIGHTS))) == 1


def test_who_knows_what_everybody_knows_is_trained_once_for_all_entities_and_is_the_same_one(tmp_path):
    apart = [audited(attacked(tmp_path / "apart", OTHER, entity=name)) for name in "ab"]
    together = [audited(attacked(tmp_path / "together", OTHER, entity=name, common=tmp_path / "common")) for name in "ab"]
    assert [len(list((tmp_path / place).rglob(WEIGHTS))) for place in ("apart", "together", "common")] == [2, 0, 1]
    assert [one.quality for one in together] == [one.quality for one in apart]
    assert apart[0].quality != apart[1].quality  # each is judged by images of its own, from raw features too


def test_other_networks_campaigns_and_knobs_have_attackers_of_their_own(tmp_path):
    audited(attacked(tmp_path, OTHER))
    audited(attacked(tmp_path, replace(OTHER, fitting=replace(OTHER.fitting, steps=5))))
    audited(attacked(tmp_path, OTHER, campaign="c-1"))
    audited(attacked(tmp_path, OTHER), nets=public_nets(3))
    assert len(list(tmp_path.rglob(WEIGHTS))) == 4


def test_the_same_audit_comes_to_the_same_whatever_ran_before(tmp_path):
    alone = audited(attacked(tmp_path / "1", OTHER))
    audited(attacked(tmp_path / "2", Watching(), replace(OTHER, kind="residual")), RawFeatures())
    assert dict(audited(attacked(tmp_path / "2", OTHER)).figures) == dict(alone.figures)


def test_released_images_are_audited_as_what_they_are(tmp_path):
    one = attacked(tmp_path, OTHER)
    released = SharedImages(one.train.images, one.train.labels)
    found = audit(one, NETS, Exposed(RawImages(), RawImagesSharer(), released), features)
    for head in ("", f"{OTHER.name}."):
        assert found.quality[f"{head}ssim_p"] == pytest.approx(1, abs=1e-4)
        assert found.quality[f"{head}l1_p"] == 0
        assert found.quality[f"{head}ssim_z"] < 0.9


def test_own_images_may_be_bytes(tmp_path):
    one = attacked(tmp_path / "1", OTHER)
    stored = as_bytes(one.train.images)
    as_stored = attacked(tmp_path / "1", OTHER, train=Labelled(stored, one.train.labels, 3))
    as_read = attacked(tmp_path / "2", OTHER, train=Labelled(stored / 255, one.train.labels, 3))
    assert audited(as_stored).quality == pytest.approx(audited(as_read).quality, abs=1e-6)


def test_the_owner_s_pictures_show_a_few_images_and_what_each_attacker_makes_of_them(tmp_path):
    one = attacked(tmp_path, OTHER)
    audited(one)
    pictures = load_file(one.site.pictures("c-0", repr(POISONING)))
    few = ("originals", "A0.z", "A0.p", f"{OTHER.name}.z", f"{OTHER.name}.p")
    worst = [f"{name}.worst.{what}" for name in ("A0", OTHER.name) for what in ("originals", "p")]
    wanted = dict.fromkeys(few, (3, 3, 12, 12)) | dict.fromkeys(worst, (10, 3, 12, 12))
    assert {name: tuple(images.shape) for name, images in pictures.items()} == wanted
    assert torch.equal(pictures["originals"], one.train.images[:3])
    raw = features(one.train.images[:3])
    torch.testing.assert_close(pictures["A0.z"], apply(NETS.reconstructor, raw, CPU))
    torch.testing.assert_close(pictures["A0.p"], apply(NETS.reconstructor, raw + 0.3, CPU))


def test_a_release_that_an_attack_has_nothing_to_say_about_does_not_leave(tmp_path):
    one = attacked(tmp_path, Watching(silent=True))
    with pytest.raises(ReleaseError, match=r"A1.watching does not apply to cannot be audited: it has gone fishing"):
        audited(one)
    assert [path for path in files(tmp_path) if not path.endswith(RAW_VERDICT)] == []


def test_raw_features_are_judged_once_for_all_methods(tmp_path):
    watching = Watching()
    one = attacked(tmp_path, watching, OTHER)
    first = audited(one)
    asked = len(watching.notes)
    second = audited(one, RawFeatures(), shift=0.0)
    assert (asked, len(watching.notes)) == (4, 6)  # a view and a release, of raw features and of the others; then of the others alone
    for name, figures in first.figures.items():
        assert {key: value for key, value in figures.items() if "_z" in key} == {
            key: value for key, value in second.figures[name].items() if "_z" in key
        }
    one_s, other_s = (load_file(one.site.pictures("c-0", repr(method))) for method in (POISONING, RawFeatures()))
    assert torch.equal(one_s[f"{OTHER.name}.z"], other_s[f"{OTHER.name}.z"])


@dataclass(frozen=True)
class Recovering:
    """Holds the truth, as no attacker may, to guess as near to it as the release lies to raw features."""

    truth: torch.Tensor = field(repr=False, compare=False)
    raw: torch.Tensor = field(repr=False, compare=False)
    level: Level = Level.A1
    name: str = "A1.recovering"
    pairs: int = 4

    def prepare(self, view, rng):
        return self

    def guess(self, release):
        shift = (release.features[0] - self.raw[0]).mean()  # the first image is never among the leaked ones
        which = torch.cdist((release.features - shift).flatten(1), self.raw.flatten(1)).argmin(1)
        return Guess(self.truth[which].lerp(torch.tensor(0.5), float(shift)))


def recovered(folder, shift, level=Level.A1, name="A1.recovering"):
    one = attacked(folder)
    attack = Recovering(one.train.images, features(one.train.images), level, name)
    return one, audited(replace(one, study=replace(STUDY, attacks=(attack,))), shift=shift)


def test_the_headline_is_of_the_worst_attacker_between_the_label_and_raw_features(tmp_path):
    _, whole = recovered(tmp_path / "1", 0.0)
    assert whole.scores["headline_p"] == pytest.approx(1, abs=1e-6)
    one, none = recovered(tmp_path / "2", 1.0)
    assert none.scores["headline_p"] < 0.6
    assert whole.scores["A1.recovering.disclosed_p"] == whole.quality["headline_p"]
    kept = JsonFormat(Leakage, FORMAT, "an audit").read(one.site.leakage("c-0", repr(POISONING)))
    assert kept == none.leakage
    (attack,) = (found for found in kept.attacks if found.name == "A1.recovering")
    assert attack.scores["ssim"].raw == pytest.approx(1)
    assert attack.scores["ssim"].release == pytest.approx(none.quality["A1.recovering.ssim_p"])
    assert attack.scores["ssim"].floor == pytest.approx(none.quality["floor.ssim"])
    assert kept.mean is not None
    assert none.quality["headline_p_low"] <= kept.mean.value == none.quality["headline_p"]


def test_what_guesses_of_other_images_come_to_stands_beside_the_headline(tmp_path):
    _, whole = recovered(tmp_path / "1", 0.0)
    assert whole.scores["headline_p_chance"] < 0.5 < whole.scores["headline_p"]  # every guess is the image; of another image it is not
    chance = whole.leakage.chance
    assert (chance.mean, chance.p95) == (whole.quality["headline_p_chance"], whole.quality["headline_p_p95_chance"])
    alone = audited(attacked(tmp_path / "2"))
    assert alone.leakage.chance is None
    assert not [name for name in alone.scores if name.endswith("_chance")]


def test_who_guesses_a_sample_is_held_against_other_images_of_that(tmp_path):
    one = attacked(tmp_path, Optimised(images=6, steps=1))
    found = audited(one)
    assert "A6" in {attack.name[:2] for attack in found.leakage.attacks}
    assert found.leakage.attacks[-1].images == 6


def test_images_alone_in_their_label_say_nothing_of_chance(tmp_path):
    one = task(tmp_path)
    few = replace(
        one, train=one.train.take(torch.stack([(one.train.labels == label).nonzero()[0, 0] for label in one.train.labels.unique()]))
    )
    attack = Recovering(few.train.images, features(few.train.images))
    found = audited(replace(few, study=replace(STUDY, attacks=(attack,))), shift=0.0)
    assert found.leakage.chance is None


def test_guesses_of_who_sees_the_victim_have_no_chance(tmp_path):
    _, found = recovered(tmp_path, 0.0, Level.A4, "A4.recovering")
    assert "headline_p_chance" not in found.scores


@pytest.mark.parametrize("level", [level for level in Level if level.sees_victim])
def test_who_has_more_of_the_victim_than_its_release_is_told_beside_the_headline(level, tmp_path):
    _, found = recovered(tmp_path, 0.0, level, f"{level.name}.recovering")
    assert found.quality[f"{level.name}.recovering.disclosed_p"] > 0.9
    assert found.quality.get("headline_p", 0.0) < 0.9
    assert [attack.in_headline for attack in found.leakage.attacks] == [True, False]


def test_the_worst_images_are_those_that_an_attacker_came_nearest_to(tmp_path):
    one, _ = recovered(tmp_path, 0.5)
    pictures = load_file(one.site.pictures("c-0", repr(POISONING)))
    kept = JsonFormat(Leakage, FORMAT, "an audit").read(one.site.leakage("c-0", repr(POISONING)))
    attack = kept.attacks[-1]
    assert torch.equal(pictures[f"{attack.name}.worst.originals"], one.train.images[list(attack.worst)])


def test_the_floor_is_the_mean_image_of_the_class_in_what_the_attacker_owns(tmp_path):
    one = attacked(tmp_path)
    wanted = disclosure(one.train.images, class_mean_guess(one.train.labels, one.validation), NETS.featurizer, CPU).figures("p")
    found = audited(one).floor
    assert found == pytest.approx({name.removesuffix("_p"): value for name, value in wanted.items() if name.endswith("_p")}, abs=1e-6)


def test_an_audit_holds_no_more_of_an_attacker_s_guesses_than_the_owner_looks_at(tmp_path):
    one = attacked(tmp_path, OTHER)
    seen = []
    real = judging.Verdict

    def noting(disclosure, shown):
        seen.append(shown)
        return real(disclosure, shown)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(judging, "Verdict", noting)
        audited(one)
    assert len(seen) == 4
    assert all(shown.untyped_storage().nbytes() == shown.nbytes for shown in seen)


def test_a_kept_ceiling_is_that_of_the_images_in_question(tmp_path):
    first = audited(attacked(tmp_path / "1"))
    one = attacked(tmp_path / "1")
    other = audited(replace(one, train=one.train.take(torch.arange(len(one.train)).roll(7)[:11])))
    alone = attacked(tmp_path / "2")
    afresh = audited(replace(alone, train=alone.train.take(torch.arange(len(alone.train)).roll(7)[:11])))
    assert other.quality == afresh.quality != first.quality
    more = audited(replace(one, study=replace(one.study, pictures=5)))
    assert len(load_file(one.site.pictures("c-0", repr(POISONING)))["A0.z"]) == 5
    assert more.quality == first.quality


def test_an_audit_is_for_its_owner_s_eyes(tmp_path):
    one = attacked(tmp_path)
    audited(one)
    path = one.site.leakage("c-0", repr(POISONING))
    assert [place.stat().st_mode & 0o077 for place in (path, path.parent)] == [0, 0]


def test_attackers_who_do_no_more_than_everybody_make_no_headline(tmp_path):
    found = audited(attacked(tmp_path, Jigsaw()))  # which on features is the public reconstructor under another name
    assert found.headline == {}
    assert "who does more with releases of this method than everybody can" in found.leakage.reason
