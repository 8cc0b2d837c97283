"""Numpy's searches are torch's: the same code, over other steps."""

import random

import pytest
import torch
from conftest import load_speaking

from toi.decoding import engines
from toi.decoding.arrays import NumpyArrays
from toi.decoding.banned import BannedText
from toi.decoding.beams import BeamSearch
from toi.decoding.decoder import Decoder
from toi.decoding.held import HeldText
from toi.decoding.options import DecodingOptions, NBestOptions
from toi.decoding.plan import SearchPlan
from toi.decoding.search import search
from toi.decoding.tensors import Tensors
from toi.decoding.vocabulary import Vocabulary
from toi.models.family import Limits
from toi.models.packed import packs_bfloat16
from toi.models.t5.arrays import T5Arrays
from toi.models.t5.quick import QuickT5
from toi.text.folding import fold
from toi.text.holders import BannedAnswer

TEXT = "山梨県の県庁所在地は甲府市です。霧沢一は白浜市に住む医師です。人口は5321人である。特産品は桃です。"


def random_plan(draw):
    groups = draw.choice([1, 1, 1, 2, 3])
    return SearchPlan(
        beams=groups * draw.randint(1, 4), groups=groups, diversity_penalty=draw.choice([0.5, 2.0]) if groups > 1 else 0.0,
        length_penalty=draw.choice([0.0, 0.0, 1.0, -0.5]), repetition_penalty=draw.choice([1.0, 1.0, 1.5]),
        no_repeat_ngram_size=draw.choice([0, 0, 2]), max_length=draw.randint(1, 9), num_hypotheses=draw.choice([1, 4]),
    )  # fmt: skip


def random_text(draw, most):
    start = draw.randrange(len(TEXT) - 9)
    return TEXT[start : start + draw.randint(1, most)]


def random_constraints(draw, vocabulary, free):
    """Words of the free outputs and others, and answers that may stand inside longer words."""
    letters = [c for c in fold("".join(free)) if c.isalnum()] or ["桃"]
    words = [draw.choice([draw.choice(letters), random_text(draw, 2)]) for _ in range(3)]
    letter = draw.choice(letters)
    answer = BannedAnswer(letter, (letter + draw.choice(letters), draw.choice(letters) + letter))
    some = [[], [""], words, [words[0], answer]]
    return [
        HeldText(vocabulary, word) if isinstance(word, BannedAnswer) else BannedText(vocabulary, [word])
        for word in draw.choice(some)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_random_searches_find_the_same(tiny, tiny_without_bytes, seed):
    """60 random plans, sources and constraints for each of six models: the same ids, log-probabilities within 1e-4."""
    checkpoint = load_speaking(tiny if seed % 2 else tiny_without_bytes, seed)
    model = checkpoint.model.eval()
    with torch.no_grad():  # no two tokens equally likely: which of them comes first is anybody's choice
        model.shared.weight += 0.01 * torch.randn(model.shared.weight.shape, generator=torch.Generator().manual_seed(seed))
    quick = QuickT5(checkpoint.tokenizer, checkpoint.family.facts(model))
    arrays = T5Arrays({name: t.detach().numpy() for name, t in model.state_dict().items()}, quick._settings)
    vocabulary, draw = Vocabulary(checkpoint.tokenizer.pieces), random.Random(seed)
    found = constrained = 0
    for _ in range(60):
        texts = [random_text(draw, 30) for _ in range(draw.randint(1, 4))]
        sources = [row.source for row in checkpoint.family.encode(texts, None, Limits(64, 64))]
        plan = random_plan(draw)
        free = search(checkpoint.family, model, sources, plan)
        written = checkpoint.tokenizer.decode_batch([c.ids for of_source in free for c in of_source[:1]])
        constraints = [random_constraints(draw, vocabulary, written) for _ in sources]
        constrained += any(constraints)
        theirs = search(checkpoint.family, model, sources, plan, constraints)
        steps = quick.begin(arrays, sources)
        ours = BeamSearch(steps, quick.end_ids, len(sources), plan, constraints, NumpyArrays()).candidates()
        for a, b in zip(ours, theirs, strict=True):
            assert [c.ids for c in a] == [c.ids for c in b], plan
            assert [(c.log_prob, c.rank) for c in a] == [pytest.approx((c.log_prob, c.rank), abs=1e-4) for c in b]
            found += len(a)
    assert found > 100
    assert constrained > 20


def test_the_operations_are_the_same():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 40, generator=generator)
    x[1, 3:] = -torch.inf
    x[2] = -torch.inf
    x[2, 7] = 0.5
    ours, theirs = NumpyArrays(), Tensors()
    assert torch.allclose(torch.from_numpy(ours.log_softmax(x.numpy())), theirs.log_softmax(x), atol=1e-6)
    for count in (1, 3, 40):
        for a, b in zip(ours.top(x[[0, 3, 4]].numpy(), count), theirs.top(x[[0, 3, 4]], count), strict=True):
            assert a.tolist() == b.tolist()
    values, places = ours.top(x.numpy(), 4)
    assert values.tolist() == theirs.top(x, 4)[0].tolist()
    assert places[2, 0] == 7
    x[0, 9] = torch.nan  # damaged weights: it must come out, to be refused
    assert ours.top(x.numpy(), 2)[1][0, 0] == theirs.top(x, 2)[1][0, 0] == 9
    copy = ours.copied(x.numpy())
    copy[0] = 1
    assert x[0, 0] != 1


@pytest.fixture
def ready(tiny_ready):
    from toi.models.ready import ready_model

    return ready_model(str(tiny_ready))


WITH_BFLOAT16 = pytest.mark.skipif(not packs_bfloat16(), reason="this machine does not multiply in bfloat16")
SOURCES = [f"answer: {a} context: 山梨県の県庁所在地は{a}です。" for a in ("甲府市", "白浜市", "霧沢一", "桃")]


@pytest.mark.parametrize(
    ("options", "most", "engine"),
    [
        (DecodingOptions(), None, "ctranslate2 float32"),
        (DecodingOptions(compute_type="int8"), None, "ctranslate2 int8"),
        (NBestOptions(num_beams=2, num_return_sequences=2), None, "numpy float32 (CTranslate2 does not search so)"),
        (DecodingOptions(repetition_penalty=1.5), None, "numpy float32 (CTranslate2 does not search so)"),
        (DecodingOptions(repetition_penalty=1.5), 0, "torch float32 (CTranslate2 does not search so)"),
        (DecodingOptions(do_sample=True), None, "torch float32 (CTranslate2 does not search so)"),
        (DecodingOptions(backend="torch"), None, "torch float32"),
        pytest.param(DecodingOptions(compute_type="bfloat16"), None, "torch bfloat16", marks=WITH_BFLOAT16),
    ],
)
def test_which_engine_is_chosen(ready, monkeypatch, options, most, engine):
    if most is not None:
        monkeypatch.setattr(engines, "_WORTH_IT", most)
    options.max_target_length = 4
    decoder = Decoder(ready)
    assert len(list(decoder.decode(SOURCES, options))) == len(SOURCES)
    assert decoder.report.split(";")[0] == engine
    assert ("loaded" in vars(ready)) == engine.startswith("torch")


@pytest.mark.parametrize("most", [0, None])
def test_banned_words_for_many_sources_are_for_torch(ready, monkeypatch, most):
    if most is not None:
        monkeypatch.setattr(engines, "_WORTH_IT", most)
    decoder, options = Decoder(ready), DecodingOptions(max_target_length=6)
    free = dict(decoder.decode(SOURCES, options))
    words = [[next(c for c in fold(free[i].text) if c.isalnum())] for i in range(len(SOURCES))]
    held = dict(decoder.decode(SOURCES, options, banned=words))
    assert not any(words[i][0] in fold(output.text or "") for i, output in held.items())
    name = "numpy" if most is None else "torch"
    assert decoder.report.endswith(f"{len(SOURCES)} searched again by {name} float32, for banned words")
