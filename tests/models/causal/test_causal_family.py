import pytest
import torch
from tiny_causal import MAKERS, make_gpt2

from toi.decoding.decoder import Decoder
from toi.decoding.options import NBestOptions
from toi.decoding.plan import SearchPlan as Plan
from toi.decoding.search import search
from toi.models.alike import shared_beginnings
from toi.models.batches import IGNORED
from toi.models.checkpoint import load
from toi.models.family import Limits

SOURCES = ["answer: 甲府市 context: 県庁所在地は甲府市です。", "桃", "question: 趣味は? context: 趣味は釣りです。"]
TARGETS = ["県庁所在地はどこですか?", "何", "釣りです。"]


@pytest.fixture(scope="module", params=MAKERS)
def checkpoint(request, tmp_path_factory):
    loaded = load(str(MAKERS[request.param](tmp_path_factory.mktemp("causal") / request.param)))
    loaded.model.eval()
    return loaded


def test_a_row_is_a_prompt_and_what_follows(checkpoint):
    """The ids that generation feeds are the beginning of what training saw, whatever stands behind them."""
    family, tokenizer = checkpoint.family, checkpoint.tokenizer
    prompts = family.encode(SOURCES, None, Limits(200, 50))
    rows = family.encode(SOURCES, TARGETS, Limits(200, 50))
    for prompt, row, source, target in zip(prompts, rows, SOURCES, TARGETS, strict=True):
        assert prompt.source == row.source
        assert row.source == [*tokenizer.around[0], *tokenizer.encode(source), *family._separator]
        assert row.target == [*tokenizer.encode(target), tokenizer.eos_id]
        assert (prompt.target, row.source_cut, row.target_cut) == ([], 0, 0)


def test_separators(tmp_path):
    """A line break where the vocabulary has one; else the end of sequence."""
    gpt2 = load(str(make_gpt2(tmp_path / "g"))).family
    assert gpt2.tokenizer.decode([*gpt2.tokenizer.encode("a"), *gpt2._separator, *gpt2.tokenizer.encode("b")]) == "a\nb"
    llama = load(str(MAKERS["llama"](tmp_path / "l"))).family
    assert llama._separator == [llama.tokenizer.eos_id]


@pytest.mark.parametrize(("limits", "cut"), [(Limits(12, 4), True), (Limits(200, 50), False), (Limits(500, 500), False)])
def test_rows_are_within_the_limits_and_the_positions_of_the_model(checkpoint, limits, cut):
    family = checkpoint.family
    for row in family.encode([SOURCES[0], "県" * 400], [TARGETS[0], "何" * 300], limits)[: 1 if not cut else 2]:
        assert len(row.source) <= limits.source
        assert len(row.target) <= limits.target
        assert row.source[-len(family._separator) :] == family._separator
        assert row.target[-1] == family.end_ids[0]
        assert (row.source_cut > 0, row.target_cut > 0) == (cut, cut)
    (long,) = family.encode(["県" * 400], ["何" * 300], Limits(500, 500))
    assert len(long.source) + len(long.target) <= 256
    assert long.source_cut > 0 < long.target_cut


def test_the_loss_is_that_of_transformers_on_the_targets_alone(checkpoint):
    """Batched, padded and packed or not: the summed loss is that of every row by itself. The end is in it, padding is not."""
    family, model = checkpoint.family, checkpoint.model
    rows = family.encode(SOURCES, TARGETS, Limits(200, 50))
    expected = 0.0
    for row in rows:
        ids = torch.tensor([[*row.source, *row.target]])
        labels = torch.tensor([[*[IGNORED] * len(row.source), *row.target]])
        with torch.no_grad():
            expected += model(input_ids=ids, labels=labels).loss.item() * len(row.target)
    batch = family.collate(rows)
    assert batch.labels.tolist() == [[*row.target, *[IGNORED] * (batch.labels.shape[1] - len(row.target))] for row in rows]
    for packed in (False, True):
        with torch.no_grad():
            logits, labels = family.logits(model, batch.to(torch.device("cpu")), packed)
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
        ).item()
        assert loss == pytest.approx(expected, rel=1e-5)
    assert batch.input_ids.tolist()[1][: len(rows[1].source)] == rows[1].source


PLANS = [
    Plan(beams=1, max_length=8),
    Plan(beams=4, max_length=8, num_hypotheses=4),
    Plan(beams=6, groups=3, diversity_penalty=1.0, max_length=8, num_hypotheses=6),
    Plan(beams=2, repetition_penalty=1.5, no_repeat_ngram_size=2, max_length=8),
    Plan(do_sample=True, samples=3, max_length=8),
]
# Some begin alike, as questions of one context do, and so are read together.
CONTEXT = "県庁所在地は甲府市です。趣味は釣りです。"
MANY = [*SOURCES, f"{CONTEXT}甲府市", f"{CONTEXT}釣り", "県", f"{CONTEXT}桃です。", f"{CONTEXT}"]


@pytest.mark.parametrize("plan", PLANS)
def test_a_search_does_not_depend_on_the_batch(checkpoint, plan):
    family, model = checkpoint.family, checkpoint.model
    sources = [row.source for row in family.encode(MANY, None, Limits(200, 50))]
    assert shared_beginnings(sources)
    together = search(family, model, sources, plan)
    for size in (1, 3):
        parts = [search(family, model, sources[i : i + size], plan) for i in range(0, len(sources), size)]
        for whole, found in zip(together, [found for part in parts for found in part], strict=True):
            assert [c.ids for c in found] == [c.ids for c in whole]
            assert [c.log_prob for c in found] == pytest.approx([c.log_prob for c in whole], abs=1e-4)


def test_beams_are_those_of_transformers(checkpoint):
    family, model = checkpoint.family, checkpoint.model
    for row in family.encode(SOURCES, None, Limits(200, 50)):
        ((best, *_),) = search(family, model, [row.source], Plan(beams=4, length_penalty=1.0, max_length=8))
        ids = torch.tensor([row.source])
        theirs = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), num_beams=4, length_penalty=1.0, max_new_tokens=8, min_new_tokens=1,
            early_stopping=False, do_sample=False, pad_token_id=family.pad_id, eos_token_id=list(family.end_ids),
        )[0, len(row.source) :].tolist()  # fmt: skip
        assert list(best.ids) == theirs


def test_every_end_of_the_generation_config_ends(tmp_path):
    """It stops an output, and is not shown. What a configuration names that the vocabulary does not have is no end."""
    loaded = load(str(make_gpt2(tmp_path / "m")))
    letter = loaded.tokenizer.encode("は")[-1]
    loaded.model.generation_config.eos_token_id = [letter, 0, 50_256]
    loaded.family = type(loaded.family)(loaded.tokenizer, loaded.model.config, loaded.model.generation_config)
    assert loaded.family.end_ids == (0, letter)
    with torch.no_grad():  # it is the likeliest token behind any other
        loaded.model.transformer.ln_f.bias.copy_(loaded.model.lm_head.weight[letter] * 1e4)
    ((_, output),) = Decoder(loaded).decode(["桃"], NBestOptions(num_beams=4, max_target_length=8))
    ids = search(loaded.family, loaded.model, [loaded.tokenizer.encode("桃")], Plan(max_length=8))[0][0].ids
    assert len(ids) == 2
    assert ids[1] == letter
    assert output.text == loaded.tokenizer.decode(ids[:1])
