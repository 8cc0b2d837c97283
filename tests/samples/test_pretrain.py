"""Pretraining the base of the sample."""

from types import SimpleNamespace

import pytest
import torch
from t5_base import grow, make_model


def small(d_ff, layers):
    torch.manual_seed(0)
    return make_model(50, SimpleNamespace(d_model=96, d_ff=d_ff, layers=layers)).eval()


SIZES = [(32, (2, 2), 32, (2, 2)), (32, (2, 1), 32, (4, 3)), (32, (2, 2), 48, (3, 4)), (16, (1, 1), 40, (3, 2))]


@pytest.mark.parametrize(("d_ff", "layers", "wider", "deeper"), SIZES)
def test_a_model_that_grows_says_the_same(d_ff, layers, wider, deeper):
    old, new = small(d_ff, layers), small(wider, deeper)
    for parameter in old.parameters():
        parameter.data.normal_(std=0.2)
    grow(new, old)
    ids = torch.tensor([[5, 6, 7, 8, 1]])
    with torch.no_grad():
        said = [model(input_ids=ids, decoder_input_ids=ids).logits for model in (old, new)]
    torch.testing.assert_close(*said)


def test_what_is_new_can_learn():
    new = small(48, (3, 2))
    grow(new, small(32, (2, 1)))
    ids = torch.tensor([[5, 6, 7, 8, 1]])
    new(input_ids=ids, labels=ids).loss.backward()
    for block in (*new.encoder.block, *new.decoder.block):
        assert block.layer[-1].DenseReluDense.wo.weight.grad.abs().sum() > 0
