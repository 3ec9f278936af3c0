"""Synthetic photographs of the retina instead of real ones: what a segmenter learns from them, and how much of them is copied.

Run:    dpm-flower study simulations.synthetic --data <retina_vessels_256.npz>
Data:   photographs with the vessels' masks: 40 to train on and 28 to test on, of DRIVE and CHASE_DB1, 256 x 256; images, masks, split
        (0 train, 1 test) and dataset in one .npz. What is learnt from are patches of 32 x 32 in the field of view. A fifth of each
        set's training photographs is held out, which gives the threshold, and the baseline of copying
Shows:  F1 and AUC inside the field of view, on whole test photographs; memorised is the share of synthetic patches that lie nearer to
        a training patch, however laid, than all but 5 % of held-out ones do; membership is how well training patches are told from
        held-out ones by their nearest synthetic patch (0.5: not at all)
Claim:  the authors' (Dual GAN, arXiv 1709.01872): a U-Net that learnt from synthetic pairs alone comes within a few points of one that
        learnt from real ones (F1 .8877 against .8988, on another split and with DRIVE's photographs at full size)
Found:  (seed 0, bfloat16) F1 .752 and AUC .956 from real patches, .548 and .858 from synthetic ones, .722 and .943 from both. Of the
        synthetic photographs none lies nearer to a training patch than 95 % of held-out ones do, of the masks 0.4 %, and membership is
        told at .452. With masks' generators that learnt no faster than their judges .518 and .810, .693 and .938
Note:   "the generator never sees the photographs" is no guarantee, and here it sees them: the figures of copying say what came of it
"""

from dpm_flower.core.comparison import ComparedFigure, Comparison
from dpm_flower.studies.trials.synthetic import Segmenting

COMPARISON = Comparison(
    name="synthetic",
    trials=(
        Segmenting(name="real", pairs="real"),
        Segmenting(name="synthetic", pairs="synthetic"),
        Segmenting(name="both", pairs="both"),
    ),
    columns=(
        ComparedFigure(key="f1", head="F1", digits=3),
        ComparedFigure(key="auc", head="AUC", digits=3),
        ComparedFigure(key="photograph_memorised", head="memorised photographs", unit="%", scale=100.0, digits=1),
        ComparedFigure(key="photograph_membership_auc", head="membership by photographs", digits=3),
        ComparedFigure(key="mask_memorised", head="memorised masks", unit="%", scale=100.0, digits=1),
        ComparedFigure(key="mask_membership_auc", head="membership by masks", digits=3),
        ComparedFigure(key="trained_on", head="patches", digits=0),
    ),
)
