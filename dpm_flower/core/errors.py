"""The one error tree: every refusal says what was wanted and what came."""


class DpmFlowerError(Exception):
    """Root of everything this package refuses; anything else that escapes is a bug."""


class SettingError(DpmFlowerError):
    """A knob of a method, a network or a study has a value that cannot work."""


class HookError(SettingError):
    """The network cannot be cut at this hook point; the message lists those where it can."""


class ShapeError(DpmFlowerError):
    """A tensor does not have the shape that its reader was built for."""


class DataError(DpmFlowerError):
    """A data set is unknown, unreadable, cut short, or holds values that are not images."""


class PartitionError(DataError):
    """The images cannot be divided among the entities as the study asks."""


class MetricError(DpmFlowerError):
    """A score cannot be computed from these inputs."""


class TrainingError(DpmFlowerError):
    """Training cannot go on: a loss that is not finite, or a checkpoint that does not fit."""


class OutputError(DpmFlowerError):
    """A folder or file that the run has to write cannot be written."""


class ReleaseError(DpmFlowerError):
    """A release was refused; it costs its sender that release and nobody else anything."""


class AwayError(ReleaseError):
    """A release did not come in time, for no fault that was found in it: asked for again, it may."""


class PoolError(DpmFlowerError):
    """A pool is damaged or does not hold what it was asked for."""


class RetentionError(DpmFlowerError):
    """A store of images with a limited life is damaged, in use, cannot tell the time, or refuses what was asked of it."""


class GoneError(RetentionError):
    """An image is not in the store: its time is over, or it never was there."""


class DamagedError(RetentionError):
    """One image in a store is not as it came, or cannot be read; the others are no worse for it."""


class PolicyError(DpmFlowerError):
    """A site's own policy does not allow what was asked of it, or what would leave it."""


class PeerError(DpmFlowerError):
    """A node sent something unusable, or stayed silent."""


class ArmError(DpmFlowerError):
    """One arm came to nothing and goes without figures; the study's other arms go on."""


class QuorumError(DpmFlowerError):
    """Too few entities answered for the run to go on."""


class StudyError(DpmFlowerError):
    """A study cannot be found, read or completed."""
