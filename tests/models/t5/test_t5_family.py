import pytest
import torch

from toi.data.tasks import Task
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


def test_a_context_that_stands_before_others_is_what_is_cut(tiny):
    """Where it stands last, or nobody knows, the ids are what they always were: the end is cut off."""
    family = load(str(tiny)).family
    context = "町の特産品は桃です。" * 9 + "市は甲府市です。" + "人口は何人ですか?" * 9
    marked, limits = context.replace("甲府市", "<hl>甲府市<hl>"), Limits(40, 9)
    source = f"context: {context} answer: 甲府市"
    ids = family.tokenizer.encode(source)
    for task, text in (
        (None, source), ("qa", f"question: 何? context: {context}"), ("aqg", f"answer: 甲府市 context: {context}"),
        ("aqg-hl", marked), ("aqg-cf", "別の文" * 30),
    ):  # fmt: skip
        family.follow(None if task is None else Task.named(task))
        (row,) = family.encode([text], None, limits)
        assert row.source == [*family.tokenizer.encode(text)[:39], 1]
        assert row.source_cut == len(family.tokenizer.encode(text)) - 39
    family.follow(Task.named("aqg-cf"))
    (row,) = family.encode([source], ["市は?"], limits)
    shown = family.tokenizer.decode(row.source)
    assert shown.startswith("context: ")
    assert shown.endswith(" answer: 甲府市")
    assert "市は甲府市です。" in shown
    assert 30 < len(row.source) <= 40
    assert row.source_cut == len(ids) + 1 - len(row.source)
    assert row.target == [*family.tokenizer.encode("市は?"), 1]


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
