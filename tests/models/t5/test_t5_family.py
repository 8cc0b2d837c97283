import pytest
import torch

from toi.models.batches import Encoded
from toi.models.checkpoint import load
from toi.models.family import Limits
from toi.models.t5.family import T5Family, clamp_feed_forward


@pytest.fixture(scope="module")
def family(tiny):
    return load(str(tiny)).family


@pytest.mark.parametrize(
    ("limits", "source", "target", "cut"),
    [
        (Limits(9, 9), [5, 6, 7, 1], [8, 1], (0, 0)),
        (Limits(4, 2), [5, 6, 7, 1], [8, 1], (0, 0)),
        (Limits(3, 1), [5, 6, 1], [1], (1, 1)),
        (Limits(2, 9), [5, 1], [8, 1], (2, 0)),
    ],
)
def test_rows_are_cut_before_their_end(family, monkeypatch, limits, source, target, cut):
    monkeypatch.setattr(family.tokenizer, "encode_batch", lambda texts: [[5, 6, 7] if text == "s" else [8] for text in texts])
    (row,) = family.encode(["s"], ["t"], limits)
    assert row == Encoded(source, target, *cut)
    (row,) = family.encode(["s"], None, limits)
    assert (row.source, row.target, row.source_cut, row.target_cut) == (source, [], cut[0], 0)


def test_unknown_tokens_are_counted_before_the_cut(family, monkeypatch):
    monkeypatch.setattr(family.tokenizer, "encode_batch", lambda texts: [[5, 2, 2] for _ in texts])
    (row,) = family.encode(["s"], ["t"], Limits(2, 9))
    assert (row.source, row.unknown) == ([5, 1], 4)


def test_collate(family, monkeypatch):
    monkeypatch.setattr(family, "start_id", 9)
    batch = family.collate([Encoded([5, 0, 1], [7, 8, 1]), Encoded([1], [1])])
    assert torch.equal(batch.input_ids, torch.tensor([[5, 0, 1], [1, 0, 0]]))
    assert torch.equal(batch.attention_mask, torch.tensor([[1, 1, 1], [1, 0, 0]]))
    assert torch.equal(batch.labels, torch.tensor([[7, 8, 1], [1, -100, -100]]))
    assert set(batch.inputs) == {"input_ids", "attention_mask", "decoder_input_ids"}
    assert torch.equal(batch.inputs["decoder_input_ids"], torch.tensor([[9, 7, 8], [9, 0, 0]]))
    assert batch.to(torch.device("cpu")).labels is batch.labels


class Config:
    model_type = "t5"

    def __init__(self, start=None):
        self.decoder_start_token_id = start


@pytest.mark.parametrize(
    ("config", "generation_config", "start"),
    [(Config(), None, 0), (Config(3), None, 3), (Config(3), Config(), 3), (Config(3), Config(4), 4), (Config(), Config(0), 0)],
)
def test_the_decoder_starts_alike_in_training_and_search(family, config, generation_config, start):
    assert T5Family(family.tokenizer, config, generation_config).start_id == start


def test_an_overflowing_feed_forward_net_is_clamped(tiny):
    """As T5 does it in fp16: the output of `wo` leaves what fp16 can say."""
    inputs = {"input_ids": torch.tensor([[5, 6, 1]]), "decoder_input_ids": torch.tensor([[0, 7]])}
    model = load(str(tiny)).model.eval()
    for block in model.encoder.block:
        block.layer[-1].DenseReluDense.wo.weight.data.fill_(4e4)
        block.layer[-1].DenseReluDense.wi.weight.data.abs_()
        block.layer[-1].layer_norm.weight.data.fill_(50.0)
    with torch.no_grad(), torch.autocast("cpu", torch.float16):
        assert not model(**inputs).logits.isfinite().all()
        clamp_feed_forward(model)
        assert model(**inputs).logits.isfinite().all()
