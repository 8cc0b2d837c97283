import pytest
import torch
from test_t5_steps import KINDS, Ids, make

from toi.models.padded import mask_of, pad
from toi.models.t5.encoder import can_encode, encoded
from toi.models.t5.family import T5Family

SOURCES = [[5, 6, 7, 8, 9, 1], [1], [3 + i % 30 for i in range(170)], [5, 6, 7, 8, 9, 1], [11, 1]]  # also longer than any distance


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_hidden_states_are_those_of_transformers_whatever_else_is_in_the_batch(kind):
    model = make(kind)
    mask = mask_of(SOURCES)
    expected = model.get_encoder()(input_ids=pad(SOURCES, 0), attention_mask=mask).last_hidden_state
    found = encoded(model, SOURCES)
    assert found.shape == expected.shape
    assert torch.allclose(found[mask == 1], expected[mask == 1], atol=2e-6)
    assert not found[mask == 0].any()
    alone = encoded(model, SOURCES[2:3])[0]
    assert torch.allclose(found[2], alone, atol=2e-6)
    assert torch.equal(found[0], found[3])


@pytest.mark.parametrize("kind", ["T5 1.0", "mT5"])
@torch.inference_mode()
def test_only_single_precision_is_encoded_here(kind):
    model = make(kind)
    family = T5Family(Ids(), model.config)
    assert can_encode(model)
    expected = family.begin(model, SOURCES).start()
    half = make(kind).to(torch.bfloat16)
    assert not can_encode(half)
    found = family.begin(half, SOURCES).start()
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found.float(), expected, atol=0.1 * float(expected.abs().max()))
