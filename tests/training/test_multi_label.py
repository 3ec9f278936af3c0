import torch

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.metrics.mean_average_precision import mean_average_precision
from dpm_flower.nets.feature_classifier import feature_classifier
from dpm_flower.training.multi_label import train_multi_label
from dpm_flower.training.prediction import apply
from tests.training.faces import faces
from tests.training.toys import CPU, equal, state_of

FITTING = Fitting(steps=80, learning_rate=0.02, batch_size=16)
TRAIN, TEST = faces(48), faces(32, seed=1)


def trained(attributes, **changes):
    with global_generator_from(stream(0, "classifier")):
        network = feature_classifier(3, attributes.shape[1], (1,))
    given = {"fitting": FITTING, "rng": stream(0, "training")} | changes
    train_multi_label(network, TRAIN.images, attributes, given.pop("fitting"), compute=CPU, work="classifier", **given)
    return network


def test_each_attribute_is_learnt_beside_the_other():
    found = mean_average_precision(apply(trained(TRAIN.attributes), TEST.images, CPU), TEST.attributes, ("blue", "red"))
    assert all(value > found.by_chance[name] + 0.3 for name, value in found.by_attribute.items())


def test_what_is_unknown_teaches_nothing():
    unknown = TRAIN.attributes.clone()
    unknown[:, 1] = UNKNOWN
    network, before = trained(unknown), trained(unknown, fitting=Fitting(steps=1, learning_rate=1e-12, batch_size=16, weight_decay=0.0))
    head = network.head.weight.detach()
    settled = Fitting(steps=80, learning_rate=0.02, batch_size=16, weight_decay=0.0)
    torch.testing.assert_close(trained(unknown, fitting=settled).head.weight[1], before.head.weight[1], atol=1e-6, rtol=0)
    assert not torch.allclose(head[0], before.head.weight[0], atol=1e-2)


def test_the_stream_and_the_checkpoint_lead_to_the_same_weights(tmp_path):
    def interrupting(progress):
        if progress.step > 10:
            raise InterruptedError

    short = Fitting(steps=20, learning_rate=0.02, batch_size=16)
    whole = trained(TRAIN.attributes, fitting=short, augment="shift")
    try:
        trained(TRAIN.attributes, fitting=short, augment="shift", report=interrupting, checkpoint=tmp_path / "half")
    except InterruptedError:
        assert (tmp_path / "half").exists()
    again = trained(TRAIN.attributes, fitting=short, augment="shift", checkpoint=tmp_path / "half")
    assert equal(state_of(whole), state_of(again))
    assert not equal(state_of(whole), state_of(trained(TRAIN.attributes, fitting=short)))
