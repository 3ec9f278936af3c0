import warnings
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from dpm_flower.core.errors import TrainingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import silent
from dpm_flower.core.streams import stream
from dpm_flower.training import loop
from dpm_flower.training.augmentation import augmented
from dpm_flower.training.loop import Stretch, fit
from tests.training.toys import CPU, classifier, equal, pictures, state_of

IMAGES = 40
DATA = pictures(IMAGES)
HELD_OUT = pictures(30, seed=1)
FITTING = Fitting(steps=23, learning_rate=0.05, batch_size=8)  # 5 steps an epoch; the fifth epoch has 3


class Training:
    """One network in training; `calls` are the batches of indices that its loss was asked for."""

    def __init__(self, seed=0, stop_at=None, factor=1.0):
        self.network = CPU.place_module(classifier(seed))
        self.rng = stream(0, "training")
        self.calls, self.stop_at, self.factor = [], stop_at, factor

    def loss_at(self, indices):
        if len(self.calls) == self.stop_at:
            raise KeyboardInterrupt
        self.calls.append(indices)
        images = CPU.place(augmented(DATA.images[indices], "shift", self.rng))
        return self.factor * functional.cross_entropy(self.network(images), DATA.labels[indices])

    def score(self):
        with torch.no_grad():
            return -float(functional.cross_entropy(self.network(HELD_OUT.images), HELD_OUT.labels))

    def run(self, fitting=FITTING, images=IMAGES, **more):
        return fit([self.network], self.loss_at, images, fitting, rng=self.rng, **more)


def uninterrupted(fitting, *, validated):
    one = Training()
    fitted = one.run(fitting, validate=one.score if validated else None)
    return state_of(one.network), fitted


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "warm-cosine"])
@pytest.mark.parametrize("stop_at", [3, 5, 12, 20, 22])
def test_an_interrupted_training_ends_with_the_same_bits(tmp_path, schedule, stop_at, validated):
    fitting, path = replace(FITTING, schedule=schedule), tmp_path / "c.safetensors"
    wanted, fitted = uninterrupted(fitting, validated=validated)
    first = Training(stop_at=stop_at)
    with pytest.raises(KeyboardInterrupt):
        first.run(fitting, checkpoint=path, validate=first.score if validated else None)
    assert path.exists() == (stop_at >= 5)
    second = Training()  # a new process: fresh weights and a fresh stream
    again = second.run(fitting, checkpoint=path, validate=second.score if validated else None)
    assert equal(state_of(second.network), wanted)
    assert len(second.calls) == 23 - stop_at // 5 * 5
    assert (again.steps, again.loss) == (fitted.steps, fitted.loss)
    assert again.best_score == fitted.best_score or not validated
    assert list(tmp_path.iterdir()) == []


def test_a_training_interrupted_by_its_report_and_more_than_once_ends_with_the_same_bits(tmp_path):
    wanted, _ = uninterrupted(FITTING, validated=False)

    def stop_in(epoch):
        def report(progress):
            if progress.epoch == epoch:
                raise InterruptedError

        return report

    for epoch in (3, 5):
        with pytest.raises(InterruptedError):
            Training().run(checkpoint=tmp_path / "c", report=stop_in(epoch))
    last = Training()
    last.run(checkpoint=tmp_path / "c")
    assert equal(state_of(last.network), wanted)
    assert len(last.calls) == 3


def stopped_before_the_checkpoint_was_removed(monkeypatch, path, fitting, *, validated):
    def interrupt(*_):
        raise KeyboardInterrupt

    one = Training()
    with monkeypatch.context() as patched:
        patched.setattr(loop, "_restore", interrupt)
        with pytest.raises(KeyboardInterrupt):
            one.run(fitting, checkpoint=path, validate=one.score if validated else None)
    assert path.exists()


@pytest.mark.parametrize("validated", [False, True])
def test_a_training_that_was_finished_takes_no_step_more(tmp_path, monkeypatch, validated):
    wanted, fitted = uninterrupted(FITTING, validated=validated)
    stopped_before_the_checkpoint_was_removed(monkeypatch, tmp_path / "c", FITTING, validated=validated)
    again = Training()
    assert again.run(checkpoint=tmp_path / "c", validate=again.score if validated else None).steps == fitted.steps == 23
    assert again.calls == []
    assert equal(state_of(again.network), wanted)
    assert not any(module.training for module in again.network.modules())


HASTY = replace(FITTING, steps=100, learning_rate=3.0, patience=2)  # so high that validation does not go on getting better


def test_a_training_that_was_stopped_early_goes_no_further_when_resumed(tmp_path, monkeypatch):
    wanted, fitted = uninterrupted(HASTY, validated=True)
    assert fitted.steps < 100
    stopped_before_the_checkpoint_was_removed(monkeypatch, tmp_path / "c", HASTY, validated=True)
    again = Training()
    assert again.run(HASTY, checkpoint=tmp_path / "c", validate=again.score).steps == fitted.steps
    assert again.calls == []
    assert equal(state_of(again.network), wanted)


def test_a_checkpoint_of_other_images_or_settings_is_refused(tmp_path):
    for changes in ({"images": IMAGES - 8}, {"fitting": replace(FITTING, learning_rate=0.04)}):
        with pytest.raises(KeyboardInterrupt):
            Training(stop_at=12).run(checkpoint=tmp_path / "c")
        with pytest.raises(TrainingError, match=f"{tmp_path / 'c'} is one of 40 images"):
            Training().run(checkpoint=tmp_path / "c", **changes)


def test_a_damaged_checkpoint_is_refused_with_its_path(tmp_path):
    (tmp_path / "c").write_bytes(b"no checkpoint")
    with pytest.raises(TrainingError, match=str(tmp_path / "c")):
        Training().run(checkpoint=tmp_path / "c")


@pytest.mark.parametrize(
    ("images", "fitting", "steps"),
    [
        (40, FITTING, 23),
        (40, replace(FITTING, steps=1), 1),
        (40, replace(FITTING, max_epochs=2), 10),
        (15, replace(FITTING, max_epochs=4), 4),
        (5, replace(FITTING, max_epochs=4), 4),
        (2, FITTING, 23),
    ],
)
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "warm-cosine"])
def test_exactly_the_budget_of_steps_is_taken(images, fitting, steps, schedule):
    one = Training()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a schedule that runs over its end only warns
        assert one.run(replace(fitting, schedule=schedule), images).steps == steps
    assert len(one.calls) == steps == fitting.steps_for(images)
    assert all(len(indices) == min(8, images) for indices in one.calls)


def test_every_epoch_sees_each_image_at_most_once_in_an_order_of_its_own():
    one = Training()
    one.run(images=35)
    epochs = [torch.cat(one.calls[start : start + 4]).tolist() for start in range(0, 20, 4)]
    assert all(len(set(epoch)) == 32 and set(epoch) <= set(range(35)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5


def test_fewer_images_than_a_batch_are_one_batch():
    one = Training()
    one.run(replace(FITTING, steps=4), images=5)
    assert [sorted(indices.tolist()) for indices in one.calls] == [list(range(5))] * 4


@pytest.mark.parametrize("images", [0, 1])
def test_too_few_images_are_refused(images):
    with pytest.raises(TrainingError, match=f"at least 2 images, got {images}"):
        Training().run(images=images)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_training(factor):
    with pytest.raises(TrainingError, match=r"decider: the loss is (nan|inf) at step 0"):
        Training(factor=factor).run(work="decider")


def test_a_loss_that_stops_being_finite_is_noticed_by_the_end():
    one = Training()

    def loss_at(indices):
        return one.loss_at(indices) * (float("nan") if len(one.calls) == 15 else 1.0)

    with pytest.raises(TrainingError, match="at step 20"):
        fit([one.network], loss_at, IMAGES, FITTING, rng=one.rng)


def gradient_norm(network):
    return float(torch.stack([p.grad.norm() for p in network.parameters()]).norm())


def test_gradients_are_clipped():
    one, free = Training(factor=1000.0), Training(factor=1000.0)
    one.run(replace(FITTING, clip_norm=0.5, steps=2))
    free.run(replace(FITTING, clip_norm=1e6, steps=2))
    assert gradient_norm(one.network) == pytest.approx(0.5, rel=1e-3)
    assert gradient_norm(free.network) > 100


def test_the_epoch_of_the_best_score_is_kept():
    one, states = Training(), []
    scores = iter([0.1, 0.4, 0.9, 0.3, 0.9])

    def validate():
        assert not one.network.training
        states.append(state_of(one.network))
        return next(scores)

    fitted = one.run(validate=validate)
    assert fitted.best_score == 0.9
    assert equal(state_of(one.network), states[2])
    assert not equal(states[2], states[4])


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (3, 9), (None, 20)])
def test_patience_ends_the_training(patience, epochs):
    one, scores = Training(), iter([0.1, 0.5, 0.4, 0.3, 0.6, 0.6, 0.5, 0.2, 0.55] + [0.1] * 20)
    fitted = one.run(replace(FITTING, steps=100, patience=patience), validate=lambda: next(scores))
    # 0.5 stands after the second epoch; 0.6 comes three epochs later, and is never beaten
    assert fitted.steps == len(one.calls) == {3: 8}.get(patience, epochs) * 5
    assert fitted.best_score == (0.5 if patience in (1, 2) else 0.6)


def test_without_validation_there_is_no_score_and_patience_waits_for_nothing():
    fitted = Training().run(replace(FITTING, patience=1))
    assert fitted.steps == 23
    assert fitted.best_score != fitted.best_score  # nan


def test_networks_are_trained_in_training_mode_and_end_in_evaluation_mode():
    one, modes = Training(), set()
    one.network.eval()

    def loss_at(indices):
        modes.add(one.network.training)
        return one.loss_at(indices)

    fit([one.network], loss_at, IMAGES, FITTING, rng=one.rng)
    assert modes == {True}
    assert not any(module.training for module in one.network.modules())


def test_what_asks_for_no_gradient_stays():
    one = Training()
    one.network[0].requires_grad_(False)
    before = state_of(one.network)
    one.run()
    after = state_of(one.network)
    assert torch.equal(after["0.weight"], before["0.weight"])
    assert not torch.equal(after["5.weight"], before["5.weight"])


def test_several_modules_are_trained_and_kept_together(tmp_path):
    def run(checkpoint, stop_at=None):
        one, head, calls = Training(), nn.Linear(3, 3), []
        nn.init.eye_(head.weight), nn.init.zeros_(head.bias)

        def loss_at(indices):
            if len(calls) == stop_at:
                raise KeyboardInterrupt
            calls.append(indices)
            return functional.cross_entropy(head(one.network(DATA.images[indices])), DATA.labels[indices])

        fit([one.network, head], loss_at, IMAGES, FITTING, rng=one.rng, checkpoint=checkpoint)
        return state_of(one.network), state_of(head)

    wanted = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "c", stop_at=12)
    assert all(equal(came, want) for came, want in zip(run(tmp_path / "c"), wanted, strict=True))
    assert not torch.equal(wanted[1]["weight"], torch.eye(3))


def test_training_lowers_the_loss():
    one = Training()
    before = one.score()
    one.run(replace(FITTING, steps=60))
    assert one.score() > before / 3


def test_progress_is_reported_up_to_the_last_step():
    seen = []
    fitted = Training().run(work="dpm", report=seen.append)
    assert [progress.step for progress in seen] == [1, 11, 21, 23]
    assert [progress.epoch for progress in seen] == [1, 3, 5, 5]
    assert {(progress.work, progress.steps, progress.epochs) for progress in seen} == {("dpm", 23, 5)}
    assert seen[-1].loss == fitted.loss
    assert silent(seen[0]) is None


def rates_and_momenta(monkeypatch, run):
    """What a run's steps were taken with, in order."""
    seen, step = [], loop._step

    def noting(loss_at, indices, parameters, optimiser, clip):
        seen.append((optimiser.param_groups[0]["lr"], optimiser.param_groups[0]["betas"]))
        return step(loss_at, indices, parameters, optimiser, clip)

    with monkeypatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("error")
        patched.setattr(loop, "_step", noting)
        run()
    return seen


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "warm-cosine"])
def test_stretches_one_after_the_other_have_the_rates_of_the_whole(monkeypatch, schedule):
    fitting = replace(FITTING, schedule=schedule)
    whole = rates_and_momenta(monkeypatch, lambda: Training().run(fitting))
    first, parts = 0, []
    for steps in (1, 7, 0, 10, 5):
        if steps:
            part = replace(fitting, steps=steps)
            parts += rates_and_momenta(monkeypatch, lambda part=part, first=first: Training().run(part, stretch=Stretch(first, 23)))
        first += steps
    assert parts == whole
    assert len({rate for rate, _ in whole}) > 15  # a schedule, and not one rate


def test_a_warm_cosine_goes_up_for_a_twentieth_of_the_steps_and_then_down_to_nothing(monkeypatch):
    fitting = replace(FITTING, steps=60, schedule="warm-cosine")
    rates = [rate / fitting.learning_rate for rate, _ in rates_and_momenta(monkeypatch, lambda: Training().run(fitting))]
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert all(later < earlier for earlier, later in pairwise(rates[3:]))
    assert rates[3 + 57 // 3] == pytest.approx(0.75)  # a cosine: a quarter is lost in the first third
    assert 0 < rates[-1] < 0.002


def test_a_stretch_that_is_the_whole_is_the_training_itself():
    one, other = Training(), Training()
    one.run(stretch=Stretch(0, 23))
    other.run()
    assert equal(state_of(one.network), state_of(other.network))


def test_a_stretch_begins_where_the_network_is():
    """Going to its first rate moves nothing, whatever gradients were left."""
    one = Training()
    functional.cross_entropy(one.network(DATA.images), DATA.labels).backward()
    states = []
    fit(
        [one.network],
        lambda indices: (states.append(state_of(one.network)), one.loss_at(indices))[1],
        IMAGES,
        replace(FITTING, steps=1),
        rng=one.rng,
        stretch=Stretch(20, 23),
    )
    fresh = Training()
    fresh.network(DATA.images)  # the batch statistics of the pass above
    assert equal(states[0], state_of(fresh.network))


@pytest.mark.parametrize("stop_at", [5, 12])
def test_an_interrupted_stretch_ends_with_the_same_bits(tmp_path, stop_at):
    part, stretch = replace(FITTING, steps=15), Stretch(6, 23)
    whole = Training()
    whole.run(part, stretch=stretch)
    with pytest.raises(KeyboardInterrupt):
        Training(stop_at=stop_at).run(part, stretch=stretch, checkpoint=tmp_path / "c")
    again = Training()
    with pytest.raises(TrainingError, match="is one of 40 images"):
        Training().run(part, checkpoint=tmp_path / "c")
    again.run(part, stretch=stretch, checkpoint=tmp_path / "c")
    assert equal(state_of(again.network), state_of(whole.network))


@pytest.mark.parametrize("stretch", [Stretch(1, 23), Stretch(0, 22), Stretch(-1, 40)])
def test_more_steps_than_are_left_are_refused(stretch):
    with pytest.raises(TrainingError, match=f"of {stretch.of} on, got 23"):
        Training().run(stretch=stretch)


def test_the_betas_are_those_that_were_asked_for():
    states = []
    for more in ({}, {"betas": (0.9, 0.999)}, {"betas": (0.5, 0.999)}):
        one = Training()
        one.run(replace(FITTING, schedule="cosine"), **more)
        states.append(state_of(one.network))
    assert equal(states[0], states[1])
    assert not equal(states[0], states[2])


def test_dropout_draws_from_the_stream_of_the_training_and_moves_nobody_elses():
    def trained(before):
        network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 2))
        with torch.no_grad():
            network[2].weight.fill_(0.1), network[2].bias.zero_()
        torch.manual_seed(before)
        state = torch.get_rng_state()
        images = torch.rand(8, 3, 2, 2, generator=stream(0, "images"))
        fitting = Fitting(steps=6, learning_rate=0.1, batch_size=4)
        fit([network], lambda indices: network(images[indices]).square().sum(), 8, fitting, rng=stream(0, "fit"), work="test")
        assert torch.equal(torch.get_rng_state(), state)
        return network[2].weight

    first, second = trained(1), trained(2)
    assert torch.equal(first, second)
    assert len(set(first[0].tolist())) > 1
