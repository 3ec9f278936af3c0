"""Who is asked about a release by default, beside the public reconstructor, which always is."""

from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.other_reconstructor import OtherReconstructor
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.protocols import Attack, LinkageAttack

DEFAULT_AUDIT: tuple[Attack | LinkageAttack, ...] = (OtherReconstructor(kind="residual"), Shadow(shadows=3), NearestFeatures())
