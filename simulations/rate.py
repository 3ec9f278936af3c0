"""What features cost to send, in bits and in secrets: rate against accuracy and against what an attacker gets, for five systems.

Run:    dpm-flower study simulations.rate --data <cifar10_subset.npz>
Data:   10,000 training and 2,500 test images of CIFAR-10, 32 x 32, x_train, y_train, x_test, y_test in one .npz. All training images
        are the backbone's, the systems' and the attackers'; figures are those of the test images
Shows:  for features as they are, the bottleneck of an autoencoder, the same trained against a reconstructor that adapts, features
        poisoned by a module, and images as JPEG and AVIF files, at several qualities: bytes an image in a release, labels and all;
        accuracy of the decider on what was decoded; PSNR and SSIM of a fresh reconstructor, trained afterwards on what was decoded
Claim:  the source's (arXiv 2210.00727, detection): about 0.8 dB less for the attacker at equal accuracy, and 30 % fewer bits than
        coding the features directly. Ours: poisoned features take no more bytes than the poorest JPEG on which the backbone is as good
Note:   one attacker learns from all qualities of a system; sentences below the table compare whole curves (Bjontegaard), and say over
        which accuracies. Every file brings tables of its own: at 32 pixels 250 to 300 bytes of a JPEG or an AVIF, often most of it. A
        release of features has one set, and so has "tables once", what the same pictures take in one release with their labels: that is
        what features compare with
Limits: the subset's images were JPEG files once: a JPEG of about that quality (70 and more) codes them nearly without loss
Found:  (seed 0; 33 min of a core, not counting the backbone) trained against a reconstructor the bottleneck leaves a fresh one 0.14 dB
        less at equal bytes. Direct features and bottlenecks are equally accurate over less than a point only, so that no saving of bytes
        can be told. Poisoned features take 29 % more bytes than direct ones at their accuracy and leave the attacker 1.2 dB less; 9 %
        fewer than JPEG, 4 % more than AVIF in one release; they never come within half a point of the raw accuracy. How strong the
        attacker is decides: at an earlier revision one of 300 steps, as narrow as the bottleneck, had 13.7 dB where this one has 14.6
More:   STUDY=simulations.rate:LEAKAGE draws the attacker's PSNR, in place of the accuracy, against the bytes: the same rows, which with
        the same --output are read and not run again
        STUDY=simulations.rate:AT_64 for images of 64 pixels, as tiny_imagenet20_64.npz
"""

from dataclasses import replace

from dpm_flower.core.comparison import ComparedFigure, Comparison, Trial
from dpm_flower.core.fitting import Fitting
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.studies.trials.coding import CodedTrial, PictureTrial
from dpm_flower.studies.trials.coding_conclusions import CodingConclusions
from dpm_flower.studies.trials.coding_scene import CodingTask
from dpm_flower.studies.trials.coding_systems import Bottleneck, Direct, Poisoned, System
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.feature_coding import CodingLoss

CODECS = ("avif-5", "avif-15", "avif-30", "avif-50", "avif-75")
JPEG_QUALITIES = (5, 10, 20, 30, 50, 70, 90)
AVIF_QUALITIES = (20, 40, 60, 80)

TASK = CodingTask()
FITTING = Fitting(steps=350, learning_rate=5e-3, weight_decay=0.0)
SYSTEMS: dict[str, System] = {
    "direct": Direct(),
    "bottleneck": Bottleneck(loss=CodingLoss(disturb=0.0), fitting=FITTING),
    "adversarial": Bottleneck(loss=CodingLoss(disturb=1.0), fitting=FITTING),
    "poisoned": Poisoned(method=DeepPoisoning(weight=3.0, adversaries=Adversaries(count=1, restart=0), fitting=FITTING)),
}


def trials(task: CodingTask) -> tuple[Trial, ...]:
    """The rows for a task: every system at every quality, and the images themselves."""
    coded = [
        CodedTrial(name=f"{name}: {codec}", system=system, codec=codec, codecs=CODECS, task=task)
        for name, system in SYSTEMS.items()
        for codec in CODECS
    ]
    jpegs = [PictureTrial(name=f"JPEG: {quality}", format="JPEG", quality=quality, task=task) for quality in JPEG_QUALITIES]
    avifs = [PictureTrial(name=f"AVIF: {quality}", format="AVIF", quality=quality, task=task) for quality in AVIF_QUALITIES]
    return (*coded, *jpegs, *avifs)


COMPARISON = Comparison(
    name="rate",
    trials=trials(TASK),
    columns=(
        ComparedFigure(key="bytes", head="bytes an image", digits=0),
        ComparedFigure(key="bytes_shared", head="tables once", digits=0),
        ComparedFigure(key="bpp", head="bits a pixel", digits=3),
        ComparedFigure(key="top1", head="top-1", unit="%", scale=100, digits=1),
        ComparedFigure(key="top1_raw", head="top-1 raw", unit="%", scale=100, digits=1),
        ComparedFigure(key="psnr", head="PSNR", unit="dB"),
        ComparedFigure(key="ssim", head="SSIM", digits=3),
        ComparedFigure(key="psnr_label", head="PSNR of the label's mean", unit="dB"),
    ),
    chart=("bytes", "top1"),
    conclude=CodingConclusions(),
)
LEAKAGE = replace(COMPARISON, name="rate-leakage", chart=("bytes", "psnr"))
AT_64 = replace(
    COMPARISON,
    name="rate-64",
    trials=trials(
        replace(
            TASK,
            side=64,
            pretrain=Fitting(steps=500, learning_rate=1e-2),
            reconstruct=Fitting(steps=150, learning_rate=3e-3, batch_size=32, weight_decay=0.0),
            attack=Fitting(steps=500, learning_rate=3e-3, batch_size=64, weight_decay=0.0),
        )
    ),
)
