"""A classifier of features: (B,C,h,w) -> logits (B,K), what VGG has behind a cut, or thinner."""

from torch import nn

from dpm_flower.core.errors import SettingError
from dpm_flower.core.split_net import Decider
from dpm_flower.nets.residual_blocks import he_initialise

PUBLISHED = (3, 3, 3)  # convolutions of VGG16 behind its second pooling, stage by stage
WIDEST = 4  # times the channels that come in: VGG's stop at 512, of 128 behind the second pooling


def feature_classifier(channels: int, outputs: int, convolutions: tuple[int, ...] = PUBLISHED) -> Decider:
    """Channels of the features, number of logits, and convolutions in each stage -> an untrained classifier (B,C,h,w) -> (B,K).

    Every stage doubles the channels, up to four times those that come in, and halves the sides; the last one's positions are averaged,
    and a linear layer reads them. Convolutions are 3x3 with batch norms and ReLUs. Weights are drawn from torch's global generator.
    Raises SettingError for numbers that cannot work. Source: Simonyan and Zisserman, arXiv 1409.1556, column D; the averaging is ours.
    """
    if min(channels, outputs) < 1 or not convolutions or min(convolutions) < 1:
        raise SettingError(f"wanted channels, outputs and convolutions by stage of at least 1, got {channels}, {outputs}, {convolutions}")
    layers: list[nn.Module] = []
    given = channels
    for count in convolutions:
        wide = min(2 * given, WIDEST * channels)
        for _ in range(count):
            layers += [nn.Conv2d(given, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU()]
            given = wide
        layers.append(nn.MaxPool2d(2, ceil_mode=True))  # features of one position stay one
    classifier = Decider(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(given, outputs))
    he_initialise(classifier)
    return classifier
