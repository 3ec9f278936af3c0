"""Which arms an arm's gain is measured by: what its receivers come to on own data, and what they would come to were nothing hidden.

Arms in which deciders are refined compare with own and with raw features, as SPEC.md, section 8, "Gain kept", has it. That section knows
no others; those in which networks are trained on images compare, in the same way, with own and with raw images.
"""

from dataclasses import dataclass

from dpm_flower.core.arms import Arm, SharingArm
from dpm_flower.core.study import Study
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.studies.cells import receivers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """The names of the arms that an arm is measured by, None where the study has none, and what they are called in words.

    `decider` says whether own data are used by a decider, which an entity may also leave as it was received.
    """

    own: str | None
    raw: str | None
    decider: bool

    @property
    def lacking(self) -> str:
        """What is missing, in words: "own data and raw features"; empty where nothing is."""
        words = ("own data", "raw features") if self.decider else ("own images", "raw images")
        return " and ".join(word for word, name in zip(words, (self.own, self.raw), strict=True) if name is None)


def is_reference(study: Study, arm: Arm) -> bool:
    """Whether others may be measured by the arm: each entity trains for itself, on nothing that is shared or on raw data, and is not the
    only one to train so.
    """
    others = (other for other in study.arms if other.name != arm.name)
    return _is_alone(arm) and any(trains_networks(other) == trains_networks(arm) for other in others)


def trains_networks(arm: Arm) -> bool:
    """Whether receivers train networks on images, rather than deciders on features or averages of either."""
    return isinstance(arm, SharingArm) and arm.refine == "network"


def references_of(study: Study, arm: Arm) -> References:
    """The first arms in which receivers of `arm` train on own data alone, and on raw data of those whom they hear there.

    Of raw data, an arm that all these receivers share is preferred to one that has only some of them, as beside an average of all.
    """
    alike = [
        other
        for other in study.arms
        if other.name != arm.name and isinstance(other, SharingArm) and _is_alone(other) and trains_networks(other) == trains_networks(arm)
    ]
    own = (other.name for other in alike if isinstance(other.method, Nothing))
    raw = [(other.name, _covered(study, other, arm)) for other in alike if not isinstance(other.method, Nothing)]
    most = max((covered for _, covered in raw), default=0)
    chosen = next((name for name, covered in raw if covered == most > 0), None)
    return References(own=next(own, None), raw=chosen, decider=not trains_networks(arm))


def _is_alone(arm: Arm) -> bool:
    return isinstance(arm, SharingArm) and arm.refine in ("own", "network") and isinstance(arm.method, Nothing | RawFeatures | RawImages)


def _covered(study: Study, other: Arm, arm: Arm) -> int:
    """How many receivers of `arm` receive in `other`; none unless each of these hears the same entities in both."""
    receivers = set(receivers_of(study, arm.name)) & set(receivers_of(study, other.name))
    names = study.partition.names
    one, two = ({name for name in names if not isinstance(each, SharingArm) or each.sends(name)} for each in (arm, other))
    return len(receivers) if all(one - {receiver} == two - {receiver} for receiver in receivers) else 0
