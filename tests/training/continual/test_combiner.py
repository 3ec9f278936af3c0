import pytest
import torch

from dpm_flower.training.continual.combiner import Combiner

LOGITS = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))


def test_one_member_is_its_own_ensemble():
    assert torch.equal(Combiner()(LOGITS[:, :1]), LOGITS[:, 0])


def test_it_is_the_sum_of_logits_by_share_and_shares_add_up_to_one():
    combiner = Combiner(3)
    with torch.no_grad():
        combiner.strengths.copy_(torch.tensor([0.0, 1.0, -2.0]))
    shares = combiner.shares.detach()
    assert float(shares.sum()) == pytest.approx(1.0)
    slow = sum(shares[member] * LOGITS[:, member] for member in range(3))
    torch.testing.assert_close(combiner(LOGITS).detach(), slow)


def test_a_new_member_counts_as_much_as_the_mean_and_the_others_keep_their_proportions():
    combiner = Combiner(2)
    with torch.no_grad():
        combiner.strengths.copy_(torch.tensor([0.0, 1.5]))
    wider = combiner.widened()
    assert wider.shares[-1].item() == pytest.approx(1 / 3)
    torch.testing.assert_close(wider.shares[:2] / wider.shares[:2].sum(), combiner.shares)
    assert len(combiner.strengths) == 2


def test_for_two_classes_a_softmax_over_it_is_the_sigmoid_of_the_combined_difference():
    combiner, logits = Combiner(3), LOGITS[:, :, :2]
    sigmoid = torch.sigmoid(torch.einsum("l,bl->b", combiner.shares, logits[:, :, 1] - logits[:, :, 0]))
    torch.testing.assert_close(torch.softmax(combiner(logits), 1)[:, 1], sigmoid)
