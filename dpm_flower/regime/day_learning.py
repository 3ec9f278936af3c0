"""What a site learns from the images of its days: the contract, whatever the task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from torch import nn

from dpm_flower.core.compute import Compute
from dpm_flower.nets.three_nets import ThreeNets
from dpm_flower.regime.day_task import DayTask
from dpm_flower.regime.site_policy import SitePolicy

N = TypeVar("N", bound=ThreeNets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the report calls the figure by which deciders are judged, a share in [0,1], and the number of images that cannot be learnt
    from; and how those that can are spoken of.
    """

    score: str
    unused: str
    wanted: str


class DayLearning(Protocol[N]):
    """A task: what can be learnt from, what is kept of it, and how deciders learn and are judged.

    What works on a day's images raises GoneError once their time is over, and one of the errors that cost a day its release or its
    refinement, and no more, for images, features and trainings that come to nothing.
    """

    @property
    def words(self) -> Words:
        """How the report speaks."""
        ...

    def key_of(self, labels: Mapping[str, Any]) -> str | None:
        """Labels in the store -> what is known of the image, as a text that is equal for equal labels; None if it cannot be learnt from."""
        ...

    def check(self, policy: SitePolicy) -> None:
        """Raises PolicyError for a policy by which nothing could ever be kept."""
        ...

    def check_networks(self) -> None:
        """Raises SettingError for networks that cannot be, rather than when the warm-up is over."""
        ...

    def opened(self, path: Path, changed_ns: int, compute: Compute) -> N:
        """A file of tensors, and when it was changed -> the frozen networks with these, placed. Raises what reading and fitting raise."""
        ...

    def trained(self, task: DayTask) -> N:
        """The images of the warm-up -> frozen networks."""
        ...

    def release(self, task: DayTask, nets: N) -> None:
        """A day's images -> their release in the pool, by a module of its own, audited and let through by the policy."""
        ...

    def refine(self, task: DayTask, nets: N, decider: nn.Module) -> int:
        """A day's images and all kept releases of other days -> the decider refined in place; how many releases could not be read."""
        ...

    def judge(self, nets: N, compute: Compute) -> Callable[[nn.Module], float]:
        """The networks -> what judges a decider behind their featurizer, on images that are held out."""
        ...
