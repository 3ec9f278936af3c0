"""The one training loop: gradient steps on batches of indices, whatever the loss."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR

from dpm_flower.core.errors import TrainingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.named_tensors import below
from dpm_flower.core.progress import Progress, Report, silent
from dpm_flower.core.streams import global_generator_from
from dpm_flower.training.checkpoint import Position, load_checkpoint, named_state, save_checkpoint

WARM_UP = 0.05  # of all steps: transformers diverge where they begin at full rate, and DeiT warms up for 5 of 300 epochs, here are fewer
REPORT_STEPS = 10  # reading the loss makes a GPU wait; ten steps hide that


@dataclass(frozen=True, slots=True)
class Stretch:
    """A training that is part of a longer one: it has the learning rates of the steps from `first` on, of a schedule over `of` steps."""

    first: int
    of: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """What training came to: steps taken, the last reported loss (nan if a checkpoint left nothing to do), the best validation
    score (nan without validation).
    """

    steps: int
    loss: float
    best_score: float


def fit(
    modules: Sequence[nn.Module],
    loss_at: Callable[[Tensor], Tensor],
    images: int,
    fitting: Fitting,
    *,
    rng: torch.Generator,
    work: str = "training",
    report: Report = silent,
    validate: Callable[[], float] | None = None,
    checkpoint: Path | None = None,
    stretch: Stretch | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
) -> Fitted:
    """Trains `modules` (their parameters that ask for a gradient) on `loss_at(indices (B,))` -> scalar, over `images` indices.

    With `validate` (higher is better) the weights of the best epoch are kept, and `fitting.patience` stops early. With
    `checkpoint` the state is saved there after every epoch, and training continues from it if it is there. With `stretch` the
    steps are those of a part of a longer schedule; AdamW's moments begin anew. `betas` are AdamW's, of which a one-cycle schedule
    replaces the first. Modules end in evaluation mode. Raises TrainingError where the loss is not finite, and for more steps than
    are left of the longer schedule.
    """
    if images < 2:
        raise TrainingError(f"training needs at least 2 images, got {images}")
    steps, per_epoch = fitting.steps_for(images), fitting.steps_per_epoch(images)
    epochs = -(-steps // per_epoch)
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=fitting.learning_rate, betas=betas, weight_decay=fitting.weight_decay)
    within = stretch or Stretch(0, steps)
    if not 0 <= within.first <= within.of - steps:
        raise TrainingError(f"wanted at most {within.of - within.first} steps from {within.first} of {within.of} on, got {steps}")
    scheduler = _scheduler(optimiser, fitting, within)
    training = f"{images} images with {fitting}" + (f" as {stretch}" if stretch else "")
    at, best = Position(training, 0, float("-inf"), 0), dict[str, Tensor]()
    if checkpoint is not None and checkpoint.exists():
        at, best = load_checkpoint(checkpoint, modules, optimiser, rng, training)
        scheduler.last_epoch = within.first + at.step
    loss = float("nan")
    for epoch in range(-(-at.step // per_epoch), epochs):  # rounded up: the last epoch of all may be a short one
        if fitting.patience is not None and validate is not None and epoch - at.best_epoch > fitting.patience:
            break
        _switch(modules, training=True)
        with global_generator_from(_beside(rng)):  # dropout draws from it
            for step, indices in enumerate(_batches(images, fitting.batch_size, rng), start=epoch * per_epoch):
                if step == steps:
                    break
                value = _step(loss_at, indices, parameters, optimiser, fitting.clip_norm)
                if step + 1 < steps:  # the schedule has exactly `steps` rates
                    scheduler.step()
                if step % REPORT_STEPS == 0 or step + 1 == steps:
                    loss = _finite(float(value), work, step)
                    report(Progress(work, step + 1, steps, epoch + 1, epochs, loss))
        _switch(modules, training=False)
        at = replace(at, step=min((epoch + 1) * per_epoch, steps))
        if validate is not None and (score := validate()) > at.best_score:
            at = replace(at, best_score=score, best_epoch=epoch)
            best = {name: value.detach().clone() for name, value in named_state(modules).items()}
        if checkpoint is not None:
            save_checkpoint(checkpoint, modules, best, optimiser, rng, at)
    _switch(modules, training=False)  # a finished checkpoint leaves nothing to do
    _restore(modules, best)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return Fitted(at.step, loss, at.best_score if validate is not None else float("nan"))


def _beside(rng: torch.Generator) -> torch.Generator:
    """A stream -> another one that only its state decides; nothing is drawn from it, so that a training without dropout stays the same."""
    digest = hashlib.sha256(rng.get_state().numpy().tobytes()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _scheduler(optimiser: torch.optim.Optimizer, fitting: Fitting, within: Stretch) -> LRScheduler:
    """The schedule over all steps of `within`, at its first one."""
    scheduler: LRScheduler
    if fitting.schedule == "cosine" or within.of < 2:  # one-cycle needs a way up and a way down
        scheduler = CosineAnnealingLR(optimiser, T_max=within.of)
    elif fitting.schedule == "warm-cosine":
        scheduler = LambdaLR(optimiser, lambda step: _warm_cosine(step, within.of))
    else:
        scheduler = OneCycleLR(optimiser, max_lr=fitting.learning_rate, total_steps=within.of)
    optimiser.zero_grad(set_to_none=True)
    for _ in range(within.first):
        optimiser.step()  # without gradients it moves nothing; a schedule warns if it is ahead of its optimiser
        scheduler.step()
    return scheduler


def _warm_cosine(step: int, steps: int) -> float:
    """A step of `steps` -> the share of the learning rate that it has: up in a straight line, then down along a cosine."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def _batches(images: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """One pass in a fresh order; a smaller last batch is left out (batch norm) unless it is the only one."""
    order = torch.randperm(images, generator=rng)
    return (batch for batch in torch.split(order, size) if len(batch) == min(size, images))


def _step(
    loss_at: Callable[[Tensor], Tensor], indices: Tensor, parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer, clip: float
) -> Tensor:
    optimiser.zero_grad(set_to_none=True)
    loss = loss_at(indices)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(parameters, clip)
    optimiser.step()
    return loss.detach()


def _finite(loss: float, work: str, step: int) -> float:
    if not abs(loss) < float("inf"):
        raise TrainingError(f"{work}: the loss is {loss} at step {step}; a lower learning rate may help")
    return loss


def _switch(modules: Sequence[nn.Module], *, training: bool) -> None:
    for module in modules:
        module.train(training)


def _restore(modules: Sequence[nn.Module], best: dict[str, Tensor]) -> None:
    for index, module in enumerate(modules):
        if best:
            module.load_state_dict(below(best, f"{index}."))
