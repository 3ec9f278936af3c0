import copy
from dataclasses import dataclass, replace

import pytest
import torch

from dpm_flower.core.comparison import Ground, Trial
from dpm_flower.core.errors import DataError, ReleaseError, SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import silent
from dpm_flower.core.shared import SharedMasks
from dpm_flower.methods.pair_sharing import Offered
from dpm_flower.methods.raw_pairs import RawPairs
from dpm_flower.studies.trials.segmentation import LearntFrom
from dpm_flower.studies.trials.segmentation_averaged import AveragedSegmenter
from dpm_flower.studies.trials.segmentation_scene import Cut, Scene
from dpm_flower.studies.trials.segmenter import SegmenterRecipe
from dpm_flower.training.segmentation import train_segmenter
from tests.methods.vessels import pairs
from tests.studies.trials.vessel_archive import written
from tests.training.toys import CPU

CUT = Cut(side=16, patch=8)
RECIPE = SegmenterRecipe(width=4, fitting=Fitting(steps=20, learning_rate=2e-2, batch_size=8), dice=0.0)
OWN = LearntFrom(name="own", receiver="drive", cut=CUT, segmenter=RECIPE, shown=3)
COPIED = {f"{what}_{key}" for what in ("photograph", "mask") for key in ("memorised", "membership_auc")}
OF_RELEASE = COPIED | {"received_bytes", "pair_bytes", "different_masks"}


@dataclass(frozen=True)
class Fresh:
    """Pairs that have nothing to do with the own ones, of which the gate says that it refused a quarter; none where it is `shut`."""

    shut: bool = False
    name: str = "fresh"

    def offered(self, private, held_out, *, compute, rng, report):
        if self.shut:
            raise ReleaseError("the generator has memorised")
        made = pairs(len(private), seed=int(torch.randint(100, (), generator=rng)))
        masks = made.masks.index_copy(0, torch.arange(15), made.masks[:1].expand(15, -1, -1, -1))  # fifteen times the first
        return Offered(SharedMasks(made.images, masks), {"pair_memorised": 0.25})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return written(tmp_path_factory.mktemp("vessels") / "a.npz", names=["DRIVE", "CHASE_DB1"], second_tint=0.3)


def ground(data, folder):
    return Ground(data=data, seed=0, folder=folder, common=folder / "common", compute=CPU, report=silent)


def test_an_entity_is_a_data_set_and_learns_alone_from_its_own_pairs(data, tmp_path):
    scene = Scene.of(ground(data, tmp_path), CUT)
    assert {name: (len(one.own), len(one.held_out), len(one.test)) for name, one in scene.entities.items()} == {
        "drive": (20, 1, 4),
        "chase-db1": (20, 1, 4),
    }
    assert set(scene.entity("chase-db1").own.source.tolist()) == {1}
    found = OWN.run(ground(data, tmp_path))
    assert set(found.figures) == {"f1", "auc", "threshold", "trained_on"}
    assert found.figures["auc"] > 0.9
    assert found.figures["trained_on"] == 20
    assert not (tmp_path / "common").exists()


def test_raw_pairs_of_a_peer_are_copies_and_come_as_a_release(data, tmp_path):
    found = replace(OWN, name="raw", peers=RawPairs()).run(ground(data, tmp_path))
    assert set(found.figures) == {"f1", "auc", "threshold", "trained_on"} | OF_RELEASE
    assert found.figures["photograph_memorised"] == found.figures["mask_memorised"] == 1.0
    assert found.figures["photograph_membership_auc"] == 1.0
    assert found.figures["trained_on"] == 40
    assert 0 < found.figures["pair_bytes"] <= 4 * 64 + 512
    assert found.figures["received_bytes"] == 20 * found.figures["pair_bytes"]
    peer = Scene.of(ground(data, tmp_path), CUT).entity("chase-db1").own
    assert torch.equal(found.pictures["photographs from chase-db1"], peer.images[:3].float() / 255)
    assert {path.parts[path.parts.index("sites") + 1] for path in (tmp_path / "common").rglob("*.shard")} == {"drive", "chase-db1"}


def test_a_release_is_made_once_for_both_trials_and_says_what_was_refused(data, tmp_path):
    both = replace(OWN, name="both", peers=Fresh()).run(ground(data, tmp_path))
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "common").rglob("*.shard")}
    assert [path.name for path in (tmp_path / "common").glob("*/*.json")] == ["chase-db1.json"]
    alone = replace(OWN, name="alone", own=False, peers=Fresh()).run(ground(data, tmp_path))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert set(both.figures) == {"f1", "auc", "threshold", "trained_on", "refused"} | OF_RELEASE
    assert both.figures["refused"] == 0.25
    assert both.figures["different_masks"] == 6 / 20
    assert max(both.figures["photograph_memorised"], both.figures["mask_memorised"]) < 1
    assert (alone.figures["trained_on"], both.figures["trained_on"]) == (20, 40)
    assert torch.equal(alone.pictures["masks from chase-db1"], both.pictures["masks from chase-db1"])


def test_a_trial_whose_peer_may_release_nothing_says_why(data, tmp_path):
    with pytest.raises(ReleaseError, match="has memorised"):
        replace(OWN, name="memorised", peers=Fresh(shut=True)).run(ground(data, tmp_path))
    assert not list((tmp_path / "common").rglob("*.shard"))


def test_averaging_trains_one_network_for_all_receivers(data, tmp_path):
    one = AveragedSegmenter(name="a", receiver="drive", rounds=4, cut=CUT, segmenter=RECIPE)
    found = one.run(ground(data, tmp_path))
    assert set(found.figures) == {"f1", "auc", "threshold", "trained_on", "received_bytes"}
    assert found.figures["auc"] > 0.8
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "common").rglob("*.safetensors")}
    assert len(kept) == 1
    other = replace(one, name="b", receiver="chase-db1").run(ground(data, tmp_path))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert other.figures["auc"] != found.figures["auc"]
    assert other.figures["received_bytes"] == found.figures["received_bytes"]


def test_averaging_one_entity_in_one_round_is_training_alone(data, tmp_path):
    scene = Scene.of(ground(data, tmp_path), CUT)
    drive, start = scene.entity("drive"), RECIPE.fresh(scene.ground.stream("segmenter"))
    one = AveragedSegmenter(name="a", receiver="drive", rounds=1, cut=CUT, segmenter=RECIPE)
    shared, alone = copy.deepcopy(start), copy.deepcopy(start)
    one._train(shared, Scene(scene.ground, CUT, {"drive": drive}))
    rng = scene.ground.stream("averaging", "drive", "1")
    train_segmenter(alone, drive.own.images, drive.own.masks, RECIPE.fitting, compute=CPU, rng=rng)
    assert all(torch.equal(tensor, alone.state_dict()[name]) for name, tensor in shared.state_dict().items())


def test_an_archive_of_one_data_set_or_an_unknown_receiver_is_refused(data, tmp_path):
    with pytest.raises(SettingError, match="wanted one of the entities drive, chase-db1, got 'stare'"):
        replace(OWN, receiver="stare").run(ground(data, tmp_path))
    same = written(tmp_path / "b.npz", names=["DRIVE", "drive"])
    with pytest.raises(DataError, match="wanted at least two data sets with names of their own, got DRIVE, drive"):
        OWN.run(ground(same, tmp_path))


@pytest.mark.parametrize("knobs", [{"own": False}, {"shown": 0}])
def test_knobs_that_cannot_work_are_refused(knobs):
    assert isinstance(OWN, Trial)
    with pytest.raises(SettingError, match=r"wanted own pairs or those of peers|shown must be"):
        replace(OWN, **knobs)
    with pytest.raises(SettingError, match="rounds must be at least 1"):
        AveragedSegmenter(name="a", receiver="drive", rounds=0)
    with pytest.raises(SettingError, match="a patch within the side"):
        Cut(side=16, patch=32)
