"""Who is asked about a release by default, beside the public reconstructor, which always is."""

from dataclasses import replace

from dpm_flower.attacks.attribute_inference import AttributeInference
from dpm_flower.attacks.inverse import USUAL
from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.nearest_standardised import NearestStandardised
from dpm_flower.attacks.other_reconstructor import OtherReconstructor
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.attacks.spanned_release import SpannedRelease
from dpm_flower.core.protocols import StudyAttack

DEFAULT_AUDIT: tuple[StudyAttack, ...] = (
    OtherReconstructor(kind="residual"),
    # as in simulations.attacks: with 1,000 it read less of the paper's module, and took half as long again (:USUAL there)
    Shadow(shadows=3, inverse=replace(USUAL, fitting=replace(USUAL.fitting, steps=300))),
    NearestFeatures(),
    NearestStandardised(),
    SpannedRelease(),
    AttributeInference(),  # where the data name attributes; elsewhere it has nothing to infer, and costs nothing
)
