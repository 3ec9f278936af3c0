"""Detection as the task: blood cells in boxes, found by detectors that learn from each other's poisoned features, or mixed images.

Run:    make study STUDY=simulations.detection DATA=<bccd_detection_160x120.npz>
Data:   205 training, 87 validation and 72 test images of blood smears, 160 x 120, with the boxes of red cells, white cells and platelets,
        in one .npz (data/boxed_npz.py). Of the training images 30 % are the lead's, who pre-trains the detector; 20 % are public: the
        reconstructor and all attackers learn from these; the two receivers have the rest in halves. No image is in two hands
Learns: a Faster R-CNN on a thin ResNet is cut behind conv3_1. Each receiver refines what lies behind on its own raw features and on what
        the other lets it have, for equally many steps in each row. "own" is the better, on validation images, of that decider as received
        and refined on own features. "raw images" trains the lead's whole detector on the images of all three. The module has to keep the
        detector's losses on the true boxes (labels, the paper's objective), what it says at every anchor and of its proposals (response),
        or the maps that it reads (activations). "YOLOS" rows are another detector and another way (arXiv 2306.03679, MI): a small vision
        transformer with 60 detection tokens and the set loss, trained from scratch for equally many steps in each row, on squares of
        128 pixels (images keep their proportions, black above and below) in patches of 16. In "own" each receiver has the lead's clear
        images and its own, in the rows "of all" those of the other receiver too: 113 and 164 images, under augmentation by flips. Mixed
        images have each patch replaced by the mean of its quarters; there is no key, so the lead's and both receivers' are pooled as
        they are, and test images are mixed likewise. Nothing is pre-trained, and no knob of it was chosen by a result
Reads:  mean average precision on test images, at an overlap of 0.5 and over 0.5 to 0.95, means over both receivers; that of the decider as
        received on raw and on released test features; bytes that a receiver sends; below the table, how much of what raw features gain
        over own data each row gains. Then what the second receiver reads from what the first has released, as shares of the way from
        what boxes and labels tell (the mean image, and in each box the mean of such things) to what an inverse of raw features reads,
        by the worst of four scores of the whole image, mean and 95th percentile: "disclosed" by A0 (the public reconstructor) and A2
        (who fits the recipe anew on public and own images), and beside it A3 (who has 10 pairs that leaked) and A4 (who may push its
        images through the very module). "Inside" is that share of the pixels in boxes by one score, windowed SSIM with its sign taken
        window by window. For YOLOS rows boxes are brought back to 160 x 120 and judged by the same test images. Of mixed images A0 takes
        the release for the image; A2 learns super-resolution and "A2 decryptor" a transformer, on mixed public and own images. Nothing
        is secret, so that A2 is what any peer gets, and there is no A3 or A4. Their ceiling is the image in clear as its square holds
        it, of which an inverse of raw features falls short: compare shares within a way of sharing, and SSIM across
More:   STUDY=simulations.detection:YOLOS for the transformers alone
Time:   45 minutes of processor time for a seed (AVX2, float32)
Claim:  a peer's poisoned features help a detector nearly as much as raw ones, and these attackers see less in them than in raw ones. Mixed
        images teach a transformer nearly what clear ones do, as the source found for ImageNet
Note:   attackers learn from the 41 public images and 51 of their own, and A2 has one shadow module of the victim's own architecture: others
        may read more. Some 40 images are judged, of mixed ones all 51. What averaged deciders tell is not judged. From scratch a
        transformer learns little from so few images: YOLOS is pre-trained on ImageNet and fine-tuned on a hundred thousand of COCO's.
        Its rows are compared with each other, and do not say which detector is the better
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, stdev

from dpm_flower.attacks.inverse import Inverse
from dpm_flower.core.comparison import ComparedFigure, Comparison, Figures
from dpm_flower.core.fitting import Fitting
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.studies.trials.detection import AveragedDeciders, OwnOnly, Pooled, Sharing
from dpm_flower.studies.trials.detection_attacks import DetectionAttackers
from dpm_flower.studies.trials.detection_transformer import TransformerOnImages
from dpm_flower.training.adversaries import Adversaries

OWN, RAW = "own", "raw features"
STANDARD_ERRORS = 3.0  # a gain smaller than this many of its own cannot be divided by
PAPER = DeepPoisoning(
    equivalence="labels",
    weight=3.0,
    blocks=2,
    kind="basic",
    fitting=Fitting(steps=180, learning_rate=5e-3, batch_size=2, weight_decay=0.0),
)
ACTIVATIONS = replace(PAPER, equivalence="activations")
METHODS: dict[str, DeepPoisoning | None] = {
    RAW: None,
    "poisoned, labels": PAPER,
    "poisoned, response": replace(PAPER, equivalence="response"),
    "poisoned, activations": ACTIVATIONS,
    "poisoned, two adversaries": replace(ACTIVATIONS, adversaries=Adversaries(count=2, restart=60)),
}
ATTACKERS = DetectionAttackers(
    inverse=Inverse(fitting=Fitting(steps=600, learning_rate=3e-3, batch_size=2, weight_decay=0.0)),
    tuning=Fitting(steps=120, learning_rate=1e-3, batch_size=2, weight_decay=0.0),
)


TRANSFORMERS = (
    TransformerOnImages(name="YOLOS, own clear images", pooled=False),
    TransformerOnImages(name="YOLOS, clear images of all", pooled=True),
    TransformerOnImages(name="YOLOS, mixed (MI) images of all", pooled=True, method=MixedImages(patch=16)),
)
YOLOS_OWN, YOLOS_ALL, YOLOS_MIXED = (trial.name for trial in TRANSFORMERS)


def gain_kept(figures: Figures) -> tuple[str, ...]:
    """All figures -> how much of what raw features gain over own data each other row gains, over the seeds of both.

    Gain kept = mean of (row - own) / mean of (raw features - own) over seeds and receivers. Transformers are another detector: to them
    what counts is the gain of clear images of all over own clear ones. Source: SPEC.md, section 8.
    """
    transformers = {place: found for place, found in figures.items() if place[0] in (YOLOS_OWN, YOLOS_ALL, YOLOS_MIXED)}
    others = {place: found for place, found in figures.items() if place not in transformers}
    return (
        *_told(others, OWN, RAW, "Raw features gain", "over own data"),
        *_told(transformers, YOLOS_OWN, YOLOS_ALL, "Clear images of all gain a transformer", "over own clear images"),
    )


def _told(figures: Figures, own: str, full: str, what: str, over: str) -> tuple[str, ...]:
    """Rows of one detector, which of them shares nothing and which everything -> a sentence; none without these two."""
    seeds = [seed for name, seed in figures if name == full and (own, seed) in figures]
    if not seeds:
        return ()
    gained = _gains(figures, full, own, seeds)
    told = f"{what} {100 * fmean(gained):.1f} points of mAP50 {over}"
    if len(seeds) < 2:
        return (f"{told}; one seed has no spread, and gain kept is not measurable.",)
    error = stdev(gained) / len(gained) ** 0.5
    if fmean(gained) <= 0 or fmean(gained) < STANDARD_ERRORS * error:
        return (
            f"{told}, with a standard error of {100 * error:.1f} over seeds: below {STANDARD_ERRORS:g} of them, "
            "gain kept is not measurable.",
        )
    parts = []
    for name in dict.fromkeys(name for name, _ in figures):
        both = [seed for seed in seeds if (name, seed) in figures]
        if name not in (own, full) and both:
            parts.append(f"{name} {fmean(_gains(figures, name, own, both)) / fmean(_gains(figures, full, own, both)):.0%}")
    return (f"{told}. Gain kept: {', '.join(parts)}.",) if parts else ()


def _gains(figures: Figures, name: str, own: str, seeds: Sequence[int]) -> list[float]:
    """By seed what a row's mAP50 lies above that of its own data."""
    return [figures[name, seed]["map50"] - figures[own, seed]["map50"] for seed in seeds]


def _share(key: str, head: str) -> ComparedFigure:
    return ComparedFigure(key=key, head=head, unit="%", scale=100.0, digits=1)


ATTACKS = {"A0": "A0", "A2": "A2", "A2_decryptor": "A2 decryptor", "A3": "A3", "A4": "A4"}  # by key, as the table calls them
ANCHORS = {"floor": "floor", "ceiling": "ceiling"}
SCORES = (("ssim", "SSIM"), ("inside", "SSIM inside"))
COMPARISON = Comparison(
    name="detection",
    trials=(
        OwnOnly(name=OWN),
        Pooled(name="raw images"),
        *(Sharing(name=name, method=method, attackers=ATTACKERS) for name, method in METHODS.items()),
        AveragedDeciders(name="FedAvg of deciders"),
        *TRANSFORMERS,
    ),
    columns=(
        _share("map50", "mAP50"),
        _share("map50_95", "mAP50-95"),
        _share("map50_z", "as received, raw"),
        _share("map50_p", "as received, released"),
        _share("disclosed", "disclosed"),
        _share("disclosed_p95", "95th percentile"),
        *(_share(f"disclosed_{who}", f"disclosed {called}") for who, called in ATTACKS.items()),
        *(_share(f"recovered_inside_{who}", f"inside {called}") for who, called in ATTACKS.items()),
        *(
            ComparedFigure(key=f"{score}_{who}", head=f"{head} {called}")
            for score, head in SCORES
            for who, called in (ATTACKS | ANCHORS).items()
        ),
        ComparedFigure(key="sent_bytes", head="sent", unit="MB", scale=1e-6, digits=1),
    ),
    chart=("disclosed", "map50"),
    conclude=gain_kept,
)
YOLOS = replace(COMPARISON, name="detection-yolos", trials=TRANSFORMERS)
