"""What a refined decider (or an averaged network) tells of the sender's images: how well it answers, and who was in it."""

from torch import Tensor

from dpm_flower.attacks.membership import Decide, LikelihoodRatio, Refine
from dpm_flower.core.comparison import Ground
from dpm_flower.core.labelled import Labelled
from dpm_flower.metrics.accuracy import top_k_correct
from dpm_flower.metrics.membership import membership
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.training.prediction import apply


def answers(nets: PublicNets, ground: Ground) -> Decide:
    """Networks -> how they answer images (N,3,H,W), logits (N,K)."""
    network = nets.whole_network()

    def decide(images: Tensor) -> Tensor:
        return apply(network, images, ground.compute)

    return decide


def decider_figures(
    attack: LikelihoodRatio, refined: Decide, refine: Refine, candidates: Labelled, members_N: Tensor, test: Labelled, ground: Ground
) -> dict[str, float]:
    """A refined decider, how one is refined, candidates of whom the scorer knows the members (N,), and held-out images -> figures.

    Top-1 by "top1"; membership by "l3_auc", "l3_tpr" and so on.
    """
    scores = attack.scores(refined, refine, candidates, ground.stream("L3"))
    told = membership(scores, members_N, ground.stream("L3 interval"))
    top1 = float(top_k_correct(refined(test.images), test.labels).float().mean())
    return {"top1": top1} | {f"l3_{name}": value for name, value in told.figures.items()}
