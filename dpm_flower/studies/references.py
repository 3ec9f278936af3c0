"""Which arms an arm's gain is measured by: what its receivers come to on own data, and what they would come to were nothing hidden.

Arms in which deciders are refined compare with own and with raw features; those in which networks are trained on images, with own and
with raw images. Source: SPEC.md, section 8, "Gain kept".
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


def is_reference(arm: Arm) -> bool:
    """Whether others are measured by the arm: nothing is shared in it, or all that there is, each entity training for itself."""
    return isinstance(arm, SharingArm) and arm.refine in ("own", "network") and isinstance(arm.method, Nothing | RawFeatures | RawImages)


def references_of(study: Study, arm: Arm) -> References:
    """The first arms in which receivers of `arm` train on own data alone, and on raw data of those whom they hear there.

    Of raw data, an arm that all these receivers share is preferred to one that has only some of them, as beside an average of all.
    """
    trained = "network" if isinstance(arm, SharingArm) and arm.refine == "network" else "own"
    alike = [other for other in study.arms if isinstance(other, SharingArm) and is_reference(other) and other.refine == trained]
    own = (other.name for other in alike if isinstance(other.method, Nothing))
    raw = [(other.name, _covered(study, other, arm)) for other in alike if not isinstance(other.method, Nothing)]
    most = max((covered for _, covered in raw), default=0)
    return References(own=next(own, None), raw=next((name for name, covered in raw if covered == most > 0), None), decider=trained == "own")


def _covered(study: Study, other: Arm, arm: Arm) -> int:
    """How many receivers of `arm` receive in `other`; none unless each of these hears the same entities in both."""
    receivers = set(receivers_of(study, arm.name)) & set(receivers_of(study, other.name))
    names = study.partition.names
    one, two = ({name for name in names if not isinstance(each, SharingArm) or each.sends(name)} for each in (arm, other))
    return len(receivers) if all(one - {receiver} == two - {receiver} for receiver in receivers) else 0
