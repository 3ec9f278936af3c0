"""The paper's situation in a real deployment on one machine: SuperLink with TLS, three sites with keys, exchanges and policies.

Run:    make deploy-demo
Data:   scikit-learn's handwritten digits, of which each site takes its own part, as in simulations.demo
Shows:  that the whole way works between processes that share nothing but the wire: every node registered with its key, every app
        bundle compared with what the site allows, every release signed, audited against the site's policy, encrypted for the members
        of the roster, fetched over mutual TLS 1.3 and verified
Claim:  the figures are those of the same study in a simulation (`dpm-flower study simulations.deployment`) up to what a site's own
        secret changes: its module is drawn from it, in a simulation from public numbers
"""

from dataclasses import replace

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.partition import Shares
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from simulations.demo import POISONING
from simulations.demo import STUDY as DEMO

STUDY = replace(
    DEMO,
    name="deployment",
    partition=Shares(entities=(("a", 0.14), ("b", 0.12), ("c", 0.12)), public=0.3, validation=0.1),
    arms=(
        SharingArm(name="own only", method=Nothing()),
        SharingArm(name="own + poisoned", method=DeepPoisoning(fitting=POISONING)),
    ),
    seeds=(0,),
)
