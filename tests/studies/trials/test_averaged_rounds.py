from dataclasses import replace

import torch

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.regime.averaging import average_locally
from dpm_flower.regime.refine import network_part
from dpm_flower.regime.round import Round
from dpm_flower.studies.trials.averaged_rounds import averaged, nets_with, rounds
from tests.regime.examples import NETS, task
from tests.training.toys import equal

ARM = AveragingArm(name="FedAvg", rounds=2)


def test_a_mean_is_weighted_by_images_and_whole_numbers_are_rounded():
    updates = [
        ModelUpdate({"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)}, 1),
        ModelUpdate({"w": torch.tensor([5.0, 2.0]), "n": torch.tensor(5)}, 3),
    ]
    found = averaged(updates)
    assert found["w"].tolist() == [4.0, 2.0]
    assert found["w"].dtype == torch.float32
    assert (int(found["n"]), found["n"].dtype) == (4, torch.int64)


def test_rounds_follow_one_another_by_each_entity_s_own_training(tmp_path):
    tasks = [task(tmp_path, name) for name in "ab"]
    start = rounds(tasks, NETS, ARM, 0)
    assert equal(dict(start), network_part(NETS.tensors()))
    first = averaged([average_locally(one, NETS, ARM, start, 0.0, Round(1, 2)) for one in tasks])
    assert equal(dict(rounds(tasks, NETS, ARM, 1)), first)
    second = averaged([average_locally(one, NETS, ARM, first, 0.0, Round(2, 2)) for one in tasks])
    assert equal(dict(rounds(tasks, NETS, ARM, 2)), second)


def test_an_average_takes_its_place_in_the_networks(tmp_path):
    for part in ("network", "decider"):
        arm = replace(ARM, part=part)
        state = {name: tensor + 1 for name, tensor in rounds([task(tmp_path)], NETS, arm, 0).items()}
        nets = nets_with(NETS, arm, state)
        assert equal(nets.decider.state_dict(), {name: tensor + 1 for name, tensor in NETS.decider.state_dict().items()})
        assert equal(nets.featurizer.state_dict(), NETS.featurizer.state_dict()) == (part == "decider")
