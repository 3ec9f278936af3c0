"""Images shared encrypted, without a key: what a vision transformer learns from them, and what attackers get back.

Run:    dpm-flower study simulations.encrypted --data <cifar10_subset.npz>
Data:   10,000 training and 2,500 test images of CIFAR-10, 32 x 32, x_train, y_train, x_test, y_test in one .npz; a quarter of the
        training images is the attacker's, the others are released. Patches of 8 pixels: 4 x 4 of them
Shows:  top-1 of a small vision transformer on clear images; on shuffled ones (RS) without positions, and with the reference token
        (PEViT); on mixed ones (MI) with positions. SSIM of what a jigsaw solver, a transformer and a super-resolution network make of
        releases, beside the release itself and the mean image of the label's class; for RS the share of patches put right
Claim:  the source's (arXiv 2306.03679, ImageNet, base size): about 78.7 % top-1 with RS and 78.0 % with MI
Settings: a transformer of 4 blocks, 96 wide, trained as DeiT's are, for 13 epochs instead of 300: a seed in a quarter of an hour of
        one core. All rows have the same steps, initial streams and batches
Found:  RS with 4 x 4 patches hides next to nothing: every patch is in clear, and edges alone put 96 % of them back (chance 6 %) at 32
        pixels, 93 % at 64; the solved images have an SSIM of 0.97 and 0.95, the released ones of 0.08 and 0.11 (seed 0, 256 images).
        Top-1 43.9 ± 1.1 clear, 41.4 ± 1.1 RS without positions, 42.3 ± 0.3 PEViT, 42.3 ± 1.2 MI (seeds 0, 1, 2; standard error 1.0):
        the reference token wins 0.9 ± 0.8 points, seed by seed
More:   STUDY=simulations.encrypted:AT_64 for images of 64 pixels in patches of 16, as tiny_imagenet20_64.npz
Pooled: STUDY=simulations.encrypted:POOLED for what peers gain: the rows above have what five entities of 1,500 images released, without
        a common key; beside each stands what a learner comes to on the images of one of them, encrypted likewise, in as many steps.
        With the same --output the rows of both are run once. Seeds 1, 2: pooled ones win 4.1 ± 0.2 points with PEViT, 1.8 to 4.5 elsewhere
"""

from collections.abc import Iterable
from dataclasses import replace

from dpm_flower.attacks.decryptor import TransformerDecryptor
from dpm_flower.attacks.jigsaw import Jigsaw
from dpm_flower.attacks.super_resolution import SuperResolution
from dpm_flower.core.comparison import ComparedFigure, Comparison, Trial
from dpm_flower.core.fitting import Fitting
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.nets.pevit import VitSize
from dpm_flower.studies.trials.encrypted import Divided, Recognising
from dpm_flower.studies.trials.encrypted_attack import Attacking
from dpm_flower.studies.trials.encrypted_sentences import above_chance, gap, together
from dpm_flower.training.vision_transformer import DEIT

SIZE = VitSize(96, 4, 3)
LEARNING = replace(DEIT, steps=1500, batch_size=64)
ATTACKING = TransformerDecryptor(fitting=Fitting(steps=800, learning_rate=1e-3, weight_decay=0.0, schedule="warm-cosine"))
SHARPENING = SuperResolution(fitting=Fitting(steps=300, learning_rate=3e-3, weight_decay=0.0))
PLAIN, SHUFFLED, PEVIT, MIXED = "clear + ViT", "RS + ViT without positions", "RS + PEViT", "MI + ViT"


def trials(side: int, patch: int) -> tuple[Trial, ...]:
    """The rows for images of a side, in patches of a side."""
    divided = Divided(side=side)
    shuffled, mixed = ShuffledImages(patch=patch), MixedImages(patch=patch)
    learner = Recognising(name=PLAIN, method=None, positions="learned", patch=patch, size=SIZE, divided=divided, fitting=LEARNING)
    attacker = Attacking(name="RS: jigsaw", method=shuffled, attack=Jigsaw(), divided=divided)
    return (
        learner,
        replace(learner, name=SHUFFLED, method=shuffled, positions="none"),
        replace(learner, name=PEVIT, method=shuffled, positions="reference"),
        replace(learner, name=MIXED, method=mixed),
        attacker,
        replace(attacker, name="RS: decryptor", attack=ATTACKING),
        replace(attacker, name="MI: decryptor", method=mixed, attack=ATTACKING),
        replace(attacker, name="MI: super-resolution", method=mixed, attack=SHARPENING),
    )


COMPARISON = Comparison(
    name="encrypted",
    trials=trials(32, 8),
    columns=(
        ComparedFigure(key="top1", head="top-1", unit="%", scale=100.0),
        ComparedFigure(key="ssim", head="SSIM", digits=3),
        ComparedFigure(key="ssim_released", head="SSIM release", digits=3),
        ComparedFigure(key="ssim_label", head="SSIM label", digits=3),
        ComparedFigure(key="patch_accuracy", head="patches", unit="%", scale=100.0, digits=1),
        ComparedFigure(key="neighbour_accuracy", head="neighbours", unit="%", scale=100.0, digits=1),
    ),
    conclude=together(
        gap(PEVIT, SHUFFLED),
        gap(PEVIT, PLAIN),
        gap(MIXED, PLAIN),
        above_chance("RS: jigsaw", "patch_accuracy", what="patches put right"),
        above_chance("RS: jigsaw", "neighbour_accuracy", what="neighbours put right"),
    ),
)
AT_64 = replace(COMPARISON, name="encrypted-64", trials=trials(64, 16))

OTHERS = 0.85  # of the training images; what is left is a fifth of what leaves elsewhere, one entity's of five


def alone(learners: Iterable[Recognising]) -> tuple[Recognising, ...]:
    """Learners from what all have released -> the same from one entity's own images."""
    return tuple(
        replace(learner, name=f"{learner.name}, own images", divided=replace(learner.divided, attacker=OTHERS)) for learner in learners
    )


LEARNERS = tuple(trial for trial in COMPARISON.trials if isinstance(trial, Recognising))
POOLED = replace(
    COMPARISON,
    name="encrypted-pooled",
    trials=(*LEARNERS, *alone(LEARNERS)),
    columns=COMPARISON.columns[:1],
    conclude=together(*(gap(pooled.name, own.name) for pooled, own in zip(LEARNERS, alone(LEARNERS), strict=True))),
)
