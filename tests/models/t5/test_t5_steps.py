import pytest
import torch
from transformers import BartConfig, BartForConditionalGeneration, MT5Config, MT5ForConditionalGeneration, T5Config
from transformers import T5ForConditionalGeneration as T5

from toi.decoding.plan import SearchPlan as Plan
from toi.decoding.search import search
from toi.models.t5.family import T5Family
from toi.models.t5.steps import T5Steps, knows

KINDS = {
    "T5 1.0": {"feed_forward_proj": "relu", "tie_word_embeddings": True},
    "T5 1.1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "one layer, other act": {"feed_forward_proj": "gelu", "num_layers": 1, "num_decoder_layers": 1},
    "few buckets": {"d_kv": 24, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 9},
    "mT5": {"tie_word_embeddings": False},
}


def make(kind):
    config = {
        "vocab_size": 40, "d_model": 16, "d_kv": 8, "num_heads": 3, "d_ff": 20, "num_layers": 2, "num_decoder_layers": 3,
        "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1, **KINDS[kind],
    }  # fmt: skip
    torch.manual_seed(3)
    model = MT5ForConditionalGeneration(MT5Config(**config)) if kind == "mT5" else T5(T5Config(**config))
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)  # also what starts as ones
    return model.eval()


class Ids:
    """As much of a tokenizer as a search wants."""

    def __init__(self, pad_id=0, eos_id=1):
        self.pad_id, self.eos_id = pad_id, eos_id


# Which outputs are gone on with behind each step, the sources being 0, 1, 2: beams, some of which stop; samples; one only.
BEAMS = [[0, 0, 1, 1, 2, 2], [1, 0, 2, 2, 5, 4], [0, 1, 5, 4], [3, 2, 0, 0], [2, 3]]
SAMPLES = [[0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 1, 3, 4, 5, 8], [0, 1, 2, 4], [3]]
GREEDY = [[0, 1, 2], [0, 2], [1], [0]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("choices", [BEAMS, SAMPLES, GREEDY, [*BEAMS, *[[1, 0]] * 70]], ids=["beams", "samples", "greedy", "long"])
@torch.inference_mode()
def test_logits_are_those_of_transformers(kind, padding, choices):
    model = make(kind)
    assert knows(model)
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(2, 40, (3, 9), generator=generator)
    mask = torch.ones_like(ids)
    if padding:
        mask[0, 5:], mask[2, 1:] = 0, 0
    hidden = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    steps = T5Steps(model, hidden, mask, 0)
    sources, written = torch.arange(3), torch.zeros(3, 1, dtype=torch.long)
    for step, chosen in enumerate([*choices, None]):
        logits = steps.step(written[:, -1]) if step else steps.start()
        if step < 8 or step > 60:
            expected = model(input_ids=ids[sources], attention_mask=mask[sources], decoder_input_ids=written).logits[:, -1]
            assert torch.allclose(logits, expected, atol=2e-5)
        if chosen is not None:
            outputs = torch.tensor(chosen)
            steps.select(outputs)
            tokens = torch.randint(2, 40, (len(chosen), 1), generator=generator)
            sources, written = sources[outputs], torch.cat([written[outputs], tokens], dim=1)


@pytest.mark.parametrize(
    "plan", [Plan(max_length=9), Plan(do_sample=True, samples=3, max_length=9), Plan(beams=4, groups=2, diversity_penalty=1.0)]
)
def test_searches_find_the_same_without_it(monkeypatch, plan):
    model = make("T5 1.1")
    family = T5Family(Ids(), model.config)
    sources = [[5, 6, 7, 1], [8, 1], [9, 10, 11, 12, 1]]
    found = search(family, model, sources, plan)
    monkeypatch.setattr("toi.models.t5.family.knows", lambda model: False)
    for ours, theirs in zip(found, search(family, model, sources, plan), strict=True):
        assert [candidate.ids for candidate in ours] == [candidate.ids for candidate in theirs]
        assert [c.log_prob for c in ours] == pytest.approx([c.log_prob for c in theirs], abs=1e-4)


def test_other_models_have_the_caches_of_transformers():
    config = BartConfig(
        vocab_size=40, d_model=16, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=32, decoder_start_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    model = BartForConditionalGeneration(config).eval()
    assert not knows(model)
    (best, *_), (other, *_) = search(T5Family(Ids(1, 2), config), model, [[0, 7, 8, 2], [0, 9, 2]], Plan(max_length=6))
    theirs = model.generate(
        input_ids=torch.tensor([[0, 7, 8, 2]]), num_beams=4, length_penalty=0.0, max_new_tokens=6, min_new_tokens=1,
        early_stopping=False, do_sample=False, forced_eos_token_id=None, forced_bos_token_id=None,
    )[0, 1:].tolist()  # fmt: skip
    assert list(best.ids) == theirs
    assert other.ids
