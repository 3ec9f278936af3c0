"""Trials over days in small: what each learner keeps is what its figures say, and attackers are asked about nothing else."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.comparison import Ground, Trial
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import silent
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.memorisation_gate import MemorisationGate
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.synthetic_images import SyntheticImages
from dpm_flower.studies.trials import continual
from dpm_flower.studies.trials.continual import BY_DAY, OverDays, recipe_of
from dpm_flower.studies.trials.days import Days
from dpm_flower.studies.trials.warm_up import WarmUp
from dpm_flower.training.continual.all_images import AllImages
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.continual.online import OnlineFineTuning
from dpm_flower.training.continual.recalibrated import Recalibrated
from dpm_flower.training.continual.refreshed import RefreshedReplay
from dpm_flower.training.continual.replay import Replay
from tests.training.toys import CPU

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3, weight_decay=0.0)
LEARNT = Fitting(steps=30, batch_size=16, learning_rate=3e-3, weight_decay=0.0)
SYNTHETIC = SyntheticImages(noise=4, width=4, fitting=FEW, gate=MemorisationGate(alpha=0.01, tolerated=1.0))
SMALL = OverDays(
    name="one",
    learning=OnlineFineTuning(fitting=FEW),
    days=Days(count=3, images=90, warm_up=60, public=40, peer=40, alpha=1.0, least=12),
    warm_up=WarmUp(hook="conv3_1", fitting=replace(FEW, steps=20, learning_rate=1e-2), reconstruct=LEARNT),
    attacks=(PublicReconstructor(), Shadow(inverse=Inverse(fitting=LEARNT))),
    side=12,
    judged=40,
    shown=3,
)
ALWAYS = {"top1", "warm_top1", "mean_top1", "backward_transfer", "stored_bytes", "refused_days", "cost_cpu_seconds"}
TOLD = {"ssim_A0", f"ssim_{SMALL.attacks[1].name}", "ssim_floor"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("continual")


def run(learning, folder, **knobs):
    ground = Ground(data="digits", seed=0, folder=folder, common=folder, compute=CPU, report=silent)
    return replace(SMALL, learning=learning, **knobs).run(ground)


@pytest.fixture(scope="module")
def found(place):
    learnings = {
        "online": OnlineFineTuning(fitting=FEW),
        "poisoned": Replay(method=DeepPoisoning(blocks=1, fitting=FEW), fitting=FEW),
        "raw": Replay(method=RawFeatures(), fitting=FEW),
        "synthetic": Replay(method=SYNTHETIC, held_out=0.3, fitting=FEW),
        "all": AllImages(fitting=FEW),
    }
    return {name: run(learning, place) for name, learning in learnings.items()}


def test_every_learner_has_its_figures_and_a_curve_over_the_days(found):
    for name, one in found.items():
        assert set(one.figures) >= ALWAYS, name
        days, shares = zip(*one.curves[BY_DAY], strict=True)
        assert days == (0, 1, 2, 3)
        assert shares[0] == pytest.approx(100 * one.figures["warm_top1"])
        assert shares[-1] == pytest.approx(100 * one.figures["top1"])
        assert one.figures["mean_top1"] == pytest.approx(sum(shares[1:]) / 300)
        assert one.figures["cost_cpu_seconds"] > 0
    assert len({one.figures["warm_top1"] for one in found.values()}) == 1


def test_only_what_is_kept_of_images_is_attacked(found):
    assert set(found["online"].figures) == ALWAYS
    assert not found["online"].pictures
    for name in ("poisoned", "raw", "synthetic", "all"):
        assert set(found[name].figures) >= ALWAYS | TOLD, name
        assert set(found[name].pictures) == {"originals", *(attack.name for attack in SMALL.attacks)}
        assert all(each.shape == (3, 3, 12, 12) for each in found[name].pictures.values())


def test_kept_images_are_their_own_disclosure_and_that_is_measured(found):
    for attack in SMALL.attacks:
        assert found["all"].figures[f"ssim_{attack.name}"] == pytest.approx(1.0, abs=1e-4)
        assert torch.allclose(found["all"].pictures[attack.name], found["all"].pictures["originals"])
        assert found["raw"].figures[f"ssim_{attack.name}"] < 0.99


def test_raw_features_tell_more_than_made_up_images_and_as_much_as_the_ceiling(found):
    assert found["raw"].figures["disclosed"] == pytest.approx(1.0, abs=0.02)
    assert found["all"].figures["disclosed"] > 1.0


def test_what_is_stored_is_counted(found):
    images = 60 + 90
    assert found["online"].figures["stored_bytes"] == 0
    assert found["all"].figures["stored_bytes"] == images * (3 * 12 * 12 + 8)
    assert found["raw"].figures["stored_bytes"] == found["poisoned"].figures["stored_bytes"] == images * (2 * 32 * 6 * 6 + 16)
    assert found["synthetic"].figures["stored_bytes"] < found["all"].figures["stored_bytes"]


def test_the_same_ground_gives_the_same_figures_but_costs_whoever_trained_the_networks(found, tmp_path):
    again = run(Replay(method=DeepPoisoning(blocks=1, fitting=FEW), fitting=FEW), tmp_path, attacks=())
    for key in (ALWAYS | {"ssim_floor"}) - {"cost_cpu_seconds"}:
        assert again.figures[key] == found["poisoned"].figures[key], key
    assert set(again.figures) == ALWAYS | {"ssim_floor"}  # nobody was asked


def test_networks_and_attackers_are_trained_once_for_all_trials(found, place):
    assert len(list(place.glob(f"warm-up-*/{WEIGHTS}"))) == 1
    # of two recipes of features and of raw ones as the ceiling, which is one of the two; A0 trains nothing
    assert len(list((place / "attackers").rglob(WEIGHTS))) == 2


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return tmp_path_factory.mktemp("refreshed")


def refreshed(older, **knobs):
    replay = Replay(method=RawFeatures(), fitting=FEW)
    return RefreshedReplay(replay=replay, older=older, every=2, refresh=replace(FEW, steps=30), reconstruct=FEW, **knobs)


def test_what_is_kept_under_two_featurizers_is_attacked_under_both(elsewhere):
    both = run(refreshed("two deciders"), elsewhere)
    assert len(list((elsewhere / "attackers").rglob(WEIGHTS))) == 2  # raw features of either featurizer
    # whoever took features of the one for those of the other would read less than the ceiling
    assert both.figures["disclosed"] == pytest.approx(1.0, abs=0.02)
    assert set(both.pictures) == {"originals", *(attack.name for attack in SMALL.attacks)}
    expired = run(refreshed("expire"), elsewhere)
    assert len(list((elsewhere / "attackers").rglob(WEIGHTS))) == 2  # of a refresh under the same seed, by the same images
    assert expired.figures["disclosed"] == pytest.approx(1.0, abs=0.02)
    assert 0 < expired.figures["stored_bytes"] < both.figures["stored_bytes"]


class _Scripted:
    """Says of the test images what its script says of that day, and counts what came."""

    def __init__(self, script):
        self.script, self.came = script, []

    def warmed(self, images, targets):
        self.came.append(len(images))

    day = warmed

    def predict(self, images):
        return torch.nn.functional.one_hot(self.script[len(self.came) - 1](len(images)), 10).float()

    @property
    def kept(self):
        return Kept(7)


def test_figures_are_taken_after_the_warm_up_and_after_every_day(place, monkeypatch):
    zeros, learner = lambda count: torch.zeros(count, dtype=torch.int64), None

    class Script:
        def start(self, beginning):
            nonlocal learner
            right = stream.test.labels
            learner = _Scripted([zeros, lambda _: right, lambda _: (right + 1) % 10, zeros])
            return learner

    stream = SMALL.days.divided(continual.load("digits", 12), Ground("digits", 0, place, place, CPU, silent))
    one = run(Script(), place)
    assert learner.came == [60, *map(len, stream.days)]
    zero = float((stream.test.labels == 0).double().mean())
    assert [share for _, share in one.curves[BY_DAY]] == pytest.approx([100 * zero, 100.0, 0.0, 100 * zero])
    share_of_zero = [float((day.labels == 0).double().mean()) for day in stream.days]
    # in the end only the first class is named rightly; after the first day all were, after the second none
    assert one.figures["backward_transfer"] == pytest.approx((share_of_zero[0] - 1 + share_of_zero[1]) / 2)
    assert one.figures["stored_bytes"] == 7


def test_what_is_kept_is_known_by_its_recipe():
    assert recipe_of(Replay(method=SYNTHETIC)) is SYNTHETIC
    assert recipe_of(refreshed("migrate")).name == "raw-features"
    assert recipe_of(AllImages()).name == "raw-images"
    assert recipe_of(OnlineFineTuning()).name == "nothing"
    assert recipe_of(Recalibrated(learning=Replay(method=SYNTHETIC))) is SYNTHETIC


def test_knobs_that_cannot_work_are_refused():
    assert isinstance(SMALL, Trial)
    for knobs in ({"judged": 1}, {"shown": 0}):
        with pytest.raises(SettingError, match="at least 2 judged"):
            replace(SMALL, **knobs)
