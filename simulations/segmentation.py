"""Two hospitals segment vessels: what either's U-Net gains from the other's photographs with masks, real ones or those of a dual GAN.

Run:    dpm-flower study simulations.segmentation --data <retina_vessels_256.npz>
Data:   photographs of the retina with the vessels' masks, of DRIVE (20 to train on, 20 to test on) and CHASE_DB1 (20 and 8), 256 x 256;
        each data set is an entity with a camera of its own. What is learnt from are patches of 32 x 32 in the field of view; a fifth of
        an entity's training photographs is held out, which gives its threshold, and the gate's baseline
Does:   each entity releases as many pairs as it has: raw ones, or those of a dual GAN that has seen its own pairs alone, of which a gate
        refuses a pair whose photograph or whose mask lies nearer to an own one, however laid, than 95 % of held-out ones do. Releases are
        signed, fetched and verified as those of any other study. A U-Net learns 1,000 steps whatever it learns from. Beside it federated
        averaging of both entities' U-Nets, 10 rounds of 100 steps
Shows:  F1 and AUC inside the field of view, on the receiver's own whole test photographs; of a release what share of the first draw the
        gate refused, what share of what came is a copy (an own patch or as near to one as only 5 % of held-out ones are), how well its
        owner's patches are told from held-out ones by the nearest released one (0.5: not at all),
        how many of its masks differ, and its bytes as they travel
Found:  (seed 0, bfloat16) DRIVE comes to F1 .755 and AUC .954 from its own 512 pairs, .754 and .950 with CHASE_DB1's raw ones beside
        them, .740 and .944 with synthetic ones, .719 and .926 from raw ones alone, .454 and .744 from synthetic ones alone, .754 and .950
        by averaging. CHASE_DB1 in the same order: .763 and .973, .749 and .971, .734 and .964, .426 and .850, .475 and .856, .682 and
        .954. So nobody gains here, not from raw pairs either. Alone, synthetic pairs teach a part of the task; to CHASE_DB1 no less than
        DRIVE's raw ones do. Of the masks 98 and 100 % differ, no pair is a copy; the gate refused 2 of 512 and none. A synthetic pair
        takes 1.8 and 2.2 KB, a raw one 2.8 and 2.7; averaging sends 11.0 MB
Tried:  with equal rates of 4e-4 for both, all 512 masks of a release were one (F1 .249 and .242 from them alone), with or without a
        discriminator that sees how much a batch differs; the discriminator was sure of every mask within 200 steps. Mode seeking alone
        made masks that differ and are lattices; with a generator that learns 40 times as fast they branch as vessels do
"""

from dpm_flower.core.comparison import ComparedFigure, Comparison
from dpm_flower.methods.raw_pairs import RawPairs
from dpm_flower.methods.synthetic_pairs import SyntheticPairs
from dpm_flower.studies.trials.segmentation import LearntFrom
from dpm_flower.studies.trials.segmentation_averaged import AveragedSegmenter

RECEIVERS = ("drive", "chase-db1")
RAW, SYNTHETIC = RawPairs(), SyntheticPairs()

COMPARISON = Comparison(
    name="segmentation",
    trials=tuple(
        trial
        for at in RECEIVERS
        for trial in (
            LearntFrom(name=f"{at}: own pairs", receiver=at),
            LearntFrom(name=f"{at}: own + peer's raw", receiver=at, peers=RAW),
            LearntFrom(name=f"{at}: own + peer's synthetic", receiver=at, peers=SYNTHETIC),
            LearntFrom(name=f"{at}: peer's raw", receiver=at, own=False, peers=RAW),
            LearntFrom(name=f"{at}: peer's synthetic", receiver=at, own=False, peers=SYNTHETIC),
            AveragedSegmenter(name=f"{at}: federated averaging", receiver=at),
        )
    ),
    columns=(
        ComparedFigure(key="f1", head="F1", digits=3),
        ComparedFigure(key="auc", head="AUC", digits=3),
        ComparedFigure(key="trained_on", head="pairs", digits=0),
        ComparedFigure(key="refused", head="refused", unit="%", scale=100.0, digits=1),
        ComparedFigure(key="photograph_memorised", head="copied photographs", unit="%", scale=100.0, digits=1),
        ComparedFigure(key="photograph_membership_auc", head="membership by photographs", digits=3),
        ComparedFigure(key="mask_memorised", head="copied masks", unit="%", scale=100.0, digits=1),
        ComparedFigure(key="mask_membership_auc", head="membership by masks", digits=3),
        ComparedFigure(key="different_masks", head="different masks", unit="%", scale=100.0, digits=1),
        ComparedFigure(key="pair_bytes", head="a pair", unit="KB", scale=1e-3),
        ComparedFigure(key="received_bytes", head="received", unit="MB", scale=1e-6),
    ),
)
