"""Attribute attacks against a release and against raw features: how well they tell which attributes the own images have."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from dpm_flower.attacks.attribute_inference import NO_ATTRIBUTES
from dpm_flower.attacks.attribute_rates import attribute_rates
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.protocols import AttributeAttack, NotApplicable
from dpm_flower.core.unpaired import is_unpaired
from dpm_flower.metrics.attribute_scores import LEAST_OF_EACH, AttributeScores, attribute_scores, mean_auc_interval, tellable
from dpm_flower.regime.attacker_views import Exposed, Surroundings
from dpm_flower.regime.task import EntityTask


@dataclass(frozen=True, slots=True, kw_only=True)
class InferredAttribute:
    """One attribute: the share `rate` of the `known` own images that have it; AUC and average precision from the label, p and z.

    `label` is what the label alone tells, `release` the attack on the release, `raw` the same attack had raw features been released.
    """

    name: str
    known: int
    rate: float
    auc_label: float
    auc_release: float
    auc_raw: float
    precision_label: float
    precision_release: float
    precision_raw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeLeak:
    """One attribute attack. `low` and `high` are the 95 % interval of the mean AUC from the release.

    Without attributes there is nothing to infer: then all is empty, and `reason` says why.
    """

    name: str
    knows: str
    attributes: tuple[InferredAttribute, ...] = ()
    low: float | None = None
    high: float | None = None
    reason: str = ""
    seconds: float

    def mean(self, figure: str) -> float:
        """The mean over the attributes, at least one, of a figure by its field's name: "auc_release", "rate"."""
        return sum(float(getattr(one, figure)) for one in self.attributes) / len(self.attributes)

    @property
    def means(self) -> Mapping[str, float]:
        """As the other figures of an audit: "auc_z", "auc_p", "map_p" ..., means over attributes; empty where nothing was to infer."""
        if not self.attributes or self.low is None or self.high is None:
            return {}
        means = {
            f"{figure}_{of}": self.mean(f"{field}_{anchor}")
            for figure, field in (("auc", "auc"), ("map", "precision"))
            for of, anchor in (("z", "raw"), ("p", "release"), ("label", "label"))
        }
        return means | {"auc_p_low": self.low, "auc_p_high": self.high, "map_chance": self.mean("rate")}

    @property
    def figures(self) -> Mapping[str, float]:
        """The means, and of each attribute "Male.auc_p" ...: names out of the owner's own file, which are nobody else's business."""
        by_attribute = {
            f"{one.name}.auc_{of}": value
            for one in self.attributes
            for of, value in (("z", one.auc_raw), ("p", one.auc_release), ("label", one.auc_label))
        }
        return {**self.means, **by_attribute}


def inferred(attack: AttributeAttack, task: EntityTask, around: Surroundings, exposed: Exposed, raw: Exposed) -> AttributeLeak:
    """One attack, the release and raw features -> what came of it, or why the data leave nothing to infer.

    Raises ReleaseError where there are attributes, and the attack has nothing to say about the release.
    """
    began, known, own = time.perf_counter(), task.train.attributes, around.own
    judged = [] if known is None else tellable(known).tolist()
    reason = _inapplicable(task, around, exposed, judged)
    if known is None or reason:
        return AttributeLeak(name=attack.name, knows=attack.level.value, reason=reason, seconds=0.0)
    answers = [around.inferrer(attack, what).infer(what.released) for what in (raw, exposed)]
    if any(isinstance(answer, NotApplicable) and answer.reason == NO_ATTRIBUTES for answer in answers):
        return AttributeLeak(name=attack.name, knows=attack.level.value, reason=NO_ATTRIBUTES, seconds=0.0)
    truth = known[:, judged]
    told, of_raw, of_released = (
        scores[:, judged] for scores in (attribute_rates(own)[task.train.labels], *(_scores(attack, answer) for answer in answers))
    )
    low, high = mean_auc_interval(of_released, truth, task.stream("attributes", attack.name))
    found = [attribute_scores(scores, truth) for scores in (told, of_raw, of_released)]
    return AttributeLeak(
        name=attack.name,
        knows=attack.level.value,
        attributes=tuple(_attribute(task.attribute_names[number], truth[:, place], place, *found) for place, number in enumerate(judged)),
        low=low,
        high=high,
        seconds=time.perf_counter() - began,
    )


def _inapplicable(task: EntityTask, around: Surroundings, exposed: Exposed, judged: list[int]) -> str:
    """Why nothing can be inferred, or judged; empty where it can."""
    if task.train.attributes is None:
        return "the data name no attributes of the images to be inferred"
    if around.own.attributes is None:
        return "of the attacking peer's images no attributes are known"
    if not judged:
        return f"no attribute is known to be had by {LEAST_OF_EACH} of the own images, and not to be had by as many"
    if is_unpaired(exposed.method):
        return "what is released is made up, and none of it belongs to one own image"
    return ""


def _scores(attack: AttributeAttack, answer: Tensor | NotApplicable) -> Tensor:
    if isinstance(answer, NotApplicable):
        raise ReleaseError(f"a release that {attack.name} does not apply to cannot be audited: {answer.reason}")
    return answer


def _attribute(
    name: str, truth_N: Tensor, place: int, label: AttributeScores, raw: AttributeScores, release: AttributeScores
) -> InferredAttribute:
    has, known = int((truth_N == 1).sum()), int((truth_N <= 1).sum())
    return InferredAttribute(
        name=name,
        known=known,
        rate=has / known,
        auc_label=float(label.auc[place]),
        auc_release=float(release.auc[place]),
        auc_raw=float(raw.auc[place]),
        precision_label=float(label.average_precision[place]),
        precision_release=float(release.average_precision[place]),
        precision_raw=float(raw.average_precision[place]),
    )
