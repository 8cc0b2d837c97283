import math

import pytest
import torch

from toi.losses import cross_entropy, label_smoothing

LOGITS = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]], [[0.0, math.log(9)], [5.0, -5.0]]])  # (2, 2, 2)
CASES = [
    ([[0, 0], [1, -100]], math.log(2) + math.log(4 / 3) + math.log(10 / 9)),
    ([[-100, -100], [-100, -100]], 0.0),
    ([[1, -100], [-100, -100]], math.log(2)),
]


@pytest.mark.parametrize(("labels", "expected"), CASES)
def test_cross_entropy_is_summed(labels, expected):
    assert cross_entropy(LOGITS, torch.tensor(labels)).item() == pytest.approx(expected, abs=1e-6)


def test_label_smoothing():
    labels = torch.tensor([[0, 0], [1, -100]])
    assert label_smoothing(0.0)(LOGITS, labels).item() == pytest.approx(cross_entropy(LOGITS, labels).item())
    # 0.8 of the target on the label and 0.1 on each of the two
    expected = math.log(2) + 0.9 * math.log(4 / 3) + 0.1 * math.log(4) + 0.9 * math.log(10 / 9) + 0.1 * math.log(10)
    assert label_smoothing(0.2)(LOGITS, labels).item() == pytest.approx(expected, rel=1e-6)


def test_loss_of_half_precision_logits_is_summed_in_single():
    logits = torch.randn(4, 8, 50, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert cross_entropy(logits, torch.zeros(4, 8, dtype=torch.long)).dtype == torch.float32
