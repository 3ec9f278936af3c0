"""What guesses come to by chance: each is held against another image of the same label."""

import torch
from torch import Tensor

from dpm_flower.core.errors import ShapeError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Guess


def exchanged(guess: Guess, labels_N: Labels) -> tuple[Guess, Tensor]:
    """Guesses (N,C,H,W) and the labels (N,) of their images -> for each image the guess that was made for the next one of its label.

    And the numbers (n,) of the images that have got another one's guess: the only image of a label keeps its own, and says nothing of
    chance. Such guesses are as sharp, bright and varied as the attacker's own, and know of their image nothing but the label. Some come
    nearer than the class's mean image all the same, and they set what a score's 95th percentile is worth. Raises ShapeError for another
    number of labels.
    """
    if labels_N.shape != guess.images.shape[:1]:
        raise ShapeError(f"wanted a label for each of {len(guess.images)} guesses, got {tuple(labels_N.shape)}")
    own = torch.arange(len(labels_N))
    taken_from = own.clone()
    for label in set(labels_N.tolist()):
        places = (labels_N == label).nonzero().flatten().cpu()
        taken_from[places] = places.roll(-1)
    return Guess(guess.images[taken_from.to(guess.images.device)]), (taken_from != own).nonzero().flatten()
