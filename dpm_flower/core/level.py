"""What an attacker knows: the levels by which attacks are named."""

from enum import Enum


class Level(Enum):
    """What an attacker knows, weakest first. Source: SPEC.md, section 8."""

    A0 = "the public reconstructor"
    A1 = "public images"
    A2 = "the recipe"
    A3 = "the recipe and leaked pairs"
    A4 = "the module as a black box"
    A5 = "observed releases"
    A6 = "the featurizer and patience"
    L1 = "a gallery of candidate images"
    L2 = "labelled attributes"
    L3 = "the refined decider"
    U1 = "a model update"
    U2 = "model updates"

    @property
    def knows_recipe(self) -> bool:
        """Whether attackers of this level know how the defence is made; an update is not made by one."""
        return self not in (Level.A0, Level.A1, Level.A5, Level.A6, Level.U1, Level.U2)

    @property
    def sees_victim(self) -> bool:
        """Whether attackers of this level have more of the victim than its release: each victim then has its own attackers."""
        return self.has_leaked_pairs or self.asks_module

    @property
    def is_peer(self) -> bool:
        """Whether attackers of this level own images of the same task, as a peer does."""
        return self.knows_recipe or self in (Level.A5, Level.U1, Level.U2)

    @property
    def has_leaked_pairs(self) -> bool:
        """Whether attackers of this level hold a few of the victim's images with what was released for them."""
        return self is Level.A3

    @property
    def asks_module(self) -> bool:
        """Whether attackers of this level may push images of their own through what the victim shares with."""
        return self is Level.A4
