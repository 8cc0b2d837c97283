import math

import numpy as np
import pytest
import torch
from tiny_causal import MAKERS

from toi.data.examples import Row
from toi.decoding.options import DecodingOptions
from toi.models.checkpoint import load
from toi.models.family import Limits
from toi.scoring.perplexity import measures_of, perplexity_measures, target_losses, with_whole_targets
from toi.scoring.resampling import with_intervals
from toi.system.errors import InputError

# Some sources begin alike, some targets are long, one holds what no vocabulary has as a piece.
ROWS = [
    Row("a", "answer: 桃 context: 町の特産品は桃です。", "特産品は何ですか?"),
    Row("b", "answer: 町 context: 町の特産品は桃です。", "桃はどこの特産品ですか?"),
    Row("c", "人口", "桃"),
    Row("d", "answer: 釣り context: 趣味は釣りです。霧沢一は白浜市に住む医師です。", "霧沢一の趣味は何ですか? 鷗"),
]


@pytest.fixture(scope="module", params=["encoder-decoder", *MAKERS])
def model(request, tiny, tmp_path_factory):
    if request.param == "encoder-decoder":
        return load(str(tiny))
    return load(str(MAKERS[request.param](tmp_path_factory.mktemp("perplexity") / request.param)))


def losses_of_transformers(checkpoint, rows):
    """-log p of each target, a row at a time."""
    found = []
    for row in rows:
        if checkpoint.model.config.is_encoder_decoder:
            ids, labels = row.source, row.target
        else:
            ids, labels = row.source + row.target, [-100] * len(row.source) + row.target
        with torch.no_grad():
            loss = checkpoint.model.eval()(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss
        found.append(float(loss) * len(row.target))
    return found


def test_losses_are_those_of_transformers_whatever_the_batch(model):
    encoded = with_whole_targets(model.family, ROWS, Limits(100, 64))
    assert all(row.target[-1] in model.family.end_ids for row in encoded)
    expected = losses_of_transformers(model, encoded)
    for size, max_tokens in ((1, None), (3, None), (4, None), (4, 40)):
        assert target_losses(model, encoded, size, max_tokens) == pytest.approx(expected, rel=1e-5)
    fast = load(model.name)  # as in training, where the model may compute only the logits that are asked for
    fast.family.make_trainable(fast.model, torch.device("cpu"), fp16=False, compiled=False)
    fast.model.train()
    assert target_losses(fast, encoded, 4) == pytest.approx(expected, rel=1e-5)


def test_the_figures_of_a_model(model):
    options = DecodingOptions(max_input_length=100)
    of_tokens, of_characters = perplexity_measures(model, ROWS, options, 4)
    encoded = with_whole_targets(model.family, ROWS, Limits(100, 64))
    total, tokens = sum(losses_of_transformers(model, encoded)), sum(len(row.target) for row in encoded)
    assert of_tokens.value == pytest.approx(math.exp(total / tokens), rel=1e-5)
    assert of_characters.value == pytest.approx(math.exp(total / (9 + 12 + 1 + 14)), rel=1e-5)
    # The limit of outputs cuts no target; that of sources cuts what is read.
    short = perplexity_measures(model, ROWS, DecodingOptions(max_input_length=100, max_target_length=3), 4)
    assert [measure.value for measure in short] == pytest.approx([of_tokens.value, of_characters.value], rel=1e-5)
    (cut, _) = perplexity_measures(model, ROWS, DecodingOptions(max_input_length=6), 4)
    assert cut.value != pytest.approx(of_tokens.value, rel=1e-5)


@pytest.mark.parametrize(
    ("losses", "tokens", "characters", "expected"),
    [
        ([0.0, 0.0], [2, 3], [4, 5], (1, 1)),  # sure of everything
        ([math.log(8), 0.0], [3, 3], [1, 2], (math.sqrt(2), 2)),  # not a mean of rows, (2 + 1) / 2
        ([math.log(8), 0.0], [5, 1], [2, 1], (math.sqrt(2), 2)),  # another tokenizer, another number of rows' tokens
        ([math.log(8), 0.0], [1, 1], [2, 1], (math.sqrt(8), 2)),  # fewer tokens: the first figure cannot be compared
        ([1e9], [1], [1], (math.exp(700), math.exp(700))),  # no infinity, which JSON does not have
        ([3.0], [3], [0], (math.e, 1)),
    ],
)
def test_figures(losses, tokens, characters, expected):
    measures = measures_of(losses, tokens, characters)
    assert [measure.name for measure in measures] == ["token_perplexity", "char_perplexity"]
    assert [measure.value for measure in measures] == pytest.approx(expected)


def test_the_interval_holds_the_figure_and_grows_with_the_spread():
    widths = []
    for spread in (0.1, 1.0):
        losses = 10 + spread * np.random.default_rng(0).standard_normal(200)
        scores = with_intervals(measures_of(losses, [5] * 200, [9] * 200), 300)
        for score in scores.values():
            assert 1 < score.low < score.value < score.high
        widths.append(scores["token_perplexity"].high - scores["token_perplexity"].low)
    assert widths[1] > 5 * widths[0]


def test_where_memory_is_short_a_batch_is_halved(model, monkeypatch):
    encoded = with_whole_targets(model.family, ROWS, Limits(100, 64))
    expected, sizes, most = target_losses(model, encoded, 4), [], 2

    def logits(*arguments, real=model.family.logits, **named):
        sizes.append(len(arguments[1].labels))
        if sizes[-1] > most:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return real(*arguments, **named)

    monkeypatch.setattr(model.family, "logits", logits)
    assert target_losses(model, encoded, 4) == pytest.approx(expected, rel=1e-5)
    assert sizes == [4, 2, 2]
    most = 0
    with pytest.raises(InputError, match="one source alone needs more memory than there is"):
        target_losses(model, encoded, 4)


def test_damaged_weights(tiny):
    checkpoint = load(str(tiny))
    with torch.no_grad():
        checkpoint.model.get_input_embeddings().weight[:] = math.nan
    with pytest.raises(InputError, match="the model computes NaN; its weights are damaged"):
        perplexity_measures(checkpoint, ROWS, DecodingOptions(), 4)
