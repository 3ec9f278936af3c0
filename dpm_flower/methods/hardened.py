"""The ways of sharing features that gave away least for what they taught, by name.

None of them meets what we aim at, a gain of 0.7 at a headline of 0.10 in the mean and 0.25 at the 95th percentile, and that nobody finds
whose image it was, in every run: see "The frontier" in simulations/README.md, and audit each release.
"""

from dataclasses import replace

from dpm_flower.methods.coded import Coded
from dpm_flower.methods.coded_features import CodedFeatures
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.matched_poisoning import MatchedPoisoning
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.perturbation import GaussianNoise

TWO_ADVERSARIES = DeepPoisoning(weight=3.0, adversaries=Adversaries(count=2))  # two reconstructors adapt to the module while it trains
TWO_ADVERSARIES_HARDER = replace(TWO_ADVERSARIES, weight=10.0)  # and it gives up more of the gain to hide from them
# and moves the decider's weights as raw features do; of these it kept most of the gain
TWO_ADVERSARIES_MATCHED = MatchedPoisoning(weight=TWO_ADVERSARIES.weight, adversaries=TWO_ADVERSARIES.adversaries)
# what leaves was no image's, and noise hides who is in it from who looks for what it spans
DRAWN_UNDER_NOISE = DrawnFeatures(noise=GaussianNoise(sigma=1.0))
CODED_PICTURES = Coded(method=CodedFeatures(), codec="avif-60")  # behind a narrow private autoencoder, and then as pictures
