"""Small networks with the traits that make cutting hard."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class LongSkip(nn.Module):
    """Functional calls, an in-place ReLU behind the cut, and a skip connection across blocks b and c."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 6, 3, padding=1)
        self.b = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6))
        self.c = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6))
        self.d = nn.Conv2d(6, 5, 3, stride=2, padding=1)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(5, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        x = functional.relu(x, inplace=True)
        skip = x
        x = torch.relu(self.b(x))
        x = torch.cat([self.c(x)[:, :3], skip[:, 3:]], dim=1) + skip
        x = functional.max_pool2d(x, 2)
        x = functional.relu(self.d(x), inplace=True)
        x = functional.adaptive_avg_pool2d(x, 1)
        return self.fc(self.drop(torch.flatten(x, 1)))


class Ending(nn.Module):
    """A convolution, a pooled vector, a linear layer, and then whatever `end` does."""

    def __init__(self, end: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 2)
        self.end = end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.fc(self.conv(x).mean((2, 3))))


class BranchOnMode(nn.Module):
    """Takes another way while training."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.dropout(self.conv(x), training=self.training)
        return self.fc(x.mean((2, 3)))


class BranchOnValue(nn.Module):
    """Cannot be traced: its way depends on the image."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3)))


class ReadsWhatItOverwrote(nn.Module):
    """Writes over a tensor without using the result of that call, and then reads the tensor: no graph holds that."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3)
        self.b = nn.Conv2d(4, 4, 1)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.b(self.a(x))
        x.neg_()
        return self.fc(x.mean((2, 3)))


class TwoInputs(nn.Module):
    """Wants more than an image."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.fc((x + y).mean((2, 3)))


class Chain(nn.Module):
    """Given parts, one after the other, pooled, and a linear layer."""

    def __init__(self, channels: int, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.Sequential(*parts)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.pool(self.parts(x)), 1))
