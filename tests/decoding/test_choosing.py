"""Choices, against a straightforward forward pass of transformers over each whole choice."""

import numpy
import pytest
import torch
from tiny_causal import WITH_TOKENIZER, make_gpt2

from toi.decoding.choosing import ChoiceScorer
from toi.decoding.options import DecodingOptions
from toi.models.checkpoint import load
from toi.models.choices import ChoiceTokens
from toi.models.family import Limits
from toi.system.errors import InputError

SOURCES = ["山梨県の県庁所在地は", "甲府市", "山梨県の県庁所在地は甲府市です。どちらですか。", "甲府市"]
CHOICES = {
    "one token": ["。", "は", "の"],
    "several tokens": ["甲府市です", "山梨県", "の県庁"],
    "begins with a space": [" 山", "山の", "甲"],
    "one begins another": ["県", "県庁", "県庁所在地", "の"],
}
OPTIONS = DecodingOptions(model_name_or_path="-", num_beams=1)


@pytest.fixture(scope="module", params=[*WITH_TOKENIZER, "t5"])
def checkpoint(request, tmp_path_factory, tiny):
    if request.param == "t5":
        return load(str(tiny))
    return load(str(WITH_TOKENIZER[request.param](tmp_path_factory.mktemp("choosing") / request.param)))


def straightforward(checkpoint, source, ids):
    """The sum of the log-probabilities of ids behind a source, by one call of the model."""
    model, prompt = checkpoint.model.eval(), checkpoint.family.encode([source], None, Limits(512, 64))[0].source
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            start = model.config.decoder_start_token_id
            logits = model(input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([[start, *ids[:-1]]])).logits[0]
        else:
            logits = model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1]
        return float(logits.log_softmax(-1)[range(len(ids)), list(ids)].double().sum())


def softmax(x):
    shares = numpy.exp(x - x.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def found(checkpoint, choices, sources=SOURCES, batch_size=3):
    scorer = ChoiceScorer(checkpoint, choices, OPTIONS, torch.device("cpu"))
    by_index = dict(scorer.log_probs(sources, batch_size))
    return scorer.tokens, numpy.stack([by_index[i] for i in range(len(sources))])


@pytest.mark.parametrize("kind", CHOICES)
def test_probabilities_are_those_of_transformers(checkpoint, kind):
    tokens, log_probs = found(checkpoint, CHOICES[kind])
    expected = numpy.array([[straightforward(checkpoint, source, ids) for ids in tokens.counted] for source in SOURCES])
    numpy.testing.assert_allclose(softmax(log_probs), softmax(expected), atol=1e-5, rtol=0)
    numpy.testing.assert_allclose(log_probs, expected, atol=1e-4, rtol=0)


def test_single_tokens_need_no_step(checkpoint, monkeypatch):
    scorer = ChoiceScorer(checkpoint, ["県", "の"], OPTIONS, torch.device("cpu"))
    scorer.tokens = ChoiceTokens(("x", "y", "z"), ((5,), (6,), (9,)), ())
    begin = checkpoint.family.begin

    def begin_only(*arguments):
        steps = begin(*arguments)
        return type("Started", (), {"start": staticmethod(steps.start)})

    monkeypatch.setattr(checkpoint.family, "begin", begin_only)
    by_index = dict(scorer.log_probs(SOURCES, 3))
    for i, source in enumerate(SOURCES):
        expected = [straightforward(checkpoint, source, ids) for ids in scorer.tokens.counted]
        numpy.testing.assert_allclose(by_index[i], expected, atol=1e-4, rtol=0)


def test_an_end_counts_only_where_it_decides(checkpoint):
    tokens = ChoiceTokens.of(checkpoint.family, CHOICES["one begins another"])
    end = checkpoint.family.end_ids[0]
    for name, counted, whole in zip(tokens.names, tokens.counted, tokens.whole, strict=True):
        assert whole[-1] == end
        begins = any(other[: len(whole) - 1] == whole[:-1] and other != whole for other in tokens.whole)
        assert (counted[-1] == end) == begins, name
        assert tokens.place(whole) == tokens.names.index(name)
    alone = ChoiceTokens.of(checkpoint.family, ["県", "庁"])
    assert all(ids[-1] != end for ids in alone.counted)


def test_no_batch_changes_anything(checkpoint):
    choices = CHOICES["one begins another"]
    _, together = found(checkpoint, choices)
    for batch_size in (1, 2):
        numpy.testing.assert_allclose(found(checkpoint, choices, batch_size=batch_size)[1], together, atol=1e-4)
    _, backwards = found(checkpoint, choices, SOURCES[::-1])
    assert (backwards[::-1] == together).all()  # the same bits: batches do not depend on the order
    assert (together[1] == together[3]).all()


def test_choices_that_cannot_be_told_apart(tmp_path):
    family = load(str(make_gpt2(tmp_path / "m"))).family
    with pytest.raises(InputError, match=r"^choices: 'a' and 'a' have the same tokens; give others$"):
        ChoiceTokens.of(family, ["a", "b", "a"])


def test_memory_that_is_short_halves_batches(checkpoint, monkeypatch):
    _, together = found(checkpoint, CHOICES["several tokens"])
    scorer = ChoiceScorer(checkpoint, CHOICES["several tokens"], OPTIONS, torch.device("cpu"))
    choose, sizes = scorer.engine.choose, []

    def short(sources, tokens):
        sizes.append(len(sources))
        if len(sources) > 1:
            raise torch.OutOfMemoryError
        return choose(sources, tokens)

    monkeypatch.setattr(scorer.engine, "choose", short)
    by_index = dict(scorer.log_probs(SOURCES, 4))
    assert sorted(sizes) == [1, 1, 1, 2, 3] or sorted(sizes) == [1, 1, 1, 2]
    numpy.testing.assert_allclose([by_index[i] for i in range(4)], together, atol=1e-4)
