"""One day's work at a site: which images, where all lies that is made of them, and how it is told when it must end."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from dpm_flower.core.compute import Compute
from dpm_flower.core.progress import Report
from dpm_flower.core.secret_streams import secret_stream
from dpm_flower.core.streams import stream
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.exchange.pool import Pool
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_policy import SitePolicy

SEED = 0  # a site's days are done once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayTask:
    """The ids of a day's images in the store, in the order in which they are learnt from; `classes` is the number of classes.

    `site` is a folder that goes with the first of these images, but for its pool. `number` is that of the day, and of its release in the
    `campaign`. `secret` is what the day's module is drawn from. `report` is called while something is trained, and `check_time` before
    anything is written or published that was made of the images: both raise GoneError once the images' time is over, or nearly.
    """

    entity: str
    campaign: str
    number: int
    classes: int
    store: RetentionStore
    items: tuple[str, ...]
    site: Site
    notary: Notary
    policy: SitePolicy
    compute: Compute
    report: Report
    check_time: Callable[[], None]
    secret: str = field(repr=False)

    @property
    def pool(self) -> Pool:
        """The kept releases."""
        return Pool(self.site.pool, site=self.entity)

    def stream(self, *purpose: str) -> torch.Generator:
        """The site's random stream for a purpose; everything that it depends on is public."""
        return stream(SEED, f"entity-{self.entity}", *purpose)

    def secret_stream(self, *purpose: str) -> torch.Generator:
        """The day's random stream for what nobody else must be able to draw."""
        return secret_stream(self.secret, self.campaign, str(SEED), f"entity-{self.entity}", *purpose)
