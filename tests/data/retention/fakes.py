"""A clock that tests set, marked contents, and a look for them in whatever lies in a folder."""

import os
from dataclasses import dataclass

from dpm_flower.data.retention.clock import Instant

DAY = 24 * 3600
BEGIN = 1_000_000
REPEATS = 40  # so that a piece of a file that was cut or overwritten in part shows as well


@dataclass
class FakeClock:
    """Wall clock and uptime in seconds, and the number of the boot."""

    wall_s: float = float(BEGIN)
    uptime_s: float = 500.0
    boot: int = 1

    def now(self):
        return Instant(self.wall_s, self.uptime_s, str(self.boot))

    def advance(self, seconds):
        self.wall_s += seconds
        self.uptime_s += seconds

    def set_back(self, seconds):
        self.wall_s -= seconds

    def reboot(self, off_s=0.0):
        self.wall_s += off_s
        self.uptime_s = 1.0
        self.boot += 1


@dataclass
class SteppingClock:
    """A clock that goes on by some seconds whenever it is looked at: a day goes by within a test, however fast the machine is."""

    wall_s: float
    step_s: float

    def now(self):
        self.wall_s += self.step_s
        return Instant(self.wall_s, self.wall_s, "one boot")


def mark_of(number):
    """What is found of an image with a number, wherever a piece of it lies."""
    return b"<%08d>" % number


def content(number):
    return mark_of(number) * REPEATS


def decoded(number):
    """What a cache holds of the same image: another form of it, with the same mark."""
    return b"decoded" + mark_of(number) * (2 * REPEATS)


def found_in(folder, number):
    """The files below a folder, of whatever name, in which a piece of an image lies."""
    return [
        path
        for place, _, names in os.walk(folder)
        for path in (os.path.join(place, name) for name in names)
        if mark_of(number) in open(path, "rb").read()
    ]
