import pytest
import torch
from conftest import load_speaking

from toi.decoding import decoder as decoding
from toi.decoding import torch_engine
from toi.decoding.decoder import Decoder
from toi.decoding.jobs import Output, Stage
from toi.decoding.options import DecodingOptions, NBestOptions
from toi.decoding.plan import Candidate
from toi.models.checkpoint import load
from toi.system.errors import InputError
from toi.text.folding import banned_words, fold
from toi.text.holders import BannedAnswer
from toi.text.normalization import normalize

SOURCES = [f"answer: {a} context: 山梨県の県庁所在地は{a}です。" for a in ("甲府市", "白浜市", "霧沢一", "桃", "医師", "5321人")]
BACKENDS = ["torch", "ctranslate2"]


@pytest.fixture(scope="module")
def checkpoint(tiny_without_bytes):
    return load_speaking(tiny_without_bytes)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("num_beams", [1, 4])
def test_outputs_do_not_depend_on_the_batch(tiny, backend, num_beams):
    checkpoint = load(str(tiny))
    options = DecodingOptions(num_beams=num_beams, max_target_length=12, backend=backend)
    found = {size: dict(Decoder(checkpoint).decode(SOURCES, options, size)) for size in (1, 2, 6)}
    options.max_batch_tokens = 1
    reverse = dict(Decoder(checkpoint).decode(SOURCES[::-1], options))
    for i in range(len(SOURCES)):
        assert found[1][i].text == found[2][i].text == found[6][i].text == reverse[len(SOURCES) - 1 - i].text
        assert found[1][i].score == pytest.approx(found[6][i].score, abs=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("num_beams", [1, 4])
def test_words_are_banned_for_all_and_for_each_and_clean_outputs_stay(checkpoint, backend, num_beams):
    options = DecodingOptions(num_beams=num_beams, max_target_length=8, backend=backend)
    decoder = Decoder(checkpoint)
    free = dict(decoder.decode(SOURCES, options))
    assert decoder.constrained == 0
    words = [[next(c for c in normalize(free[i].text) if c.strip())] if i % 2 else ["絶対に出ない"] for i in range(len(SOURCES))]
    each = dict(decoder.decode(SOURCES, options, banned=words))
    assert decoder.constrained == 3
    for i, output in each.items():
        assert output.constrained == bool(i % 2)
        assert not banned_words(output.text, words[i])
        if not i % 2:
            assert output == free[i]
    options.bad_words = sorted({word for row in words for word in row})
    everywhere = dict(decoder.decode(SOURCES, options))
    assert not any(banned_words(output.text or "", options.bad_words) for output in everywhere.values())
    assert all(output == free[i] for i, output in everywhere.items() if not output.constrained)


def test_where_nothing_is_left(checkpoint):
    every = sorted({c for text in checkpoint.tokenizer.pieces for c in normalize(text)})
    (_, output), *_ = Decoder(checkpoint).decode(SOURCES[:1], DecodingOptions(bad_words=every, max_target_length=6))
    assert output == Output(None, -torch.inf, (), True)


@pytest.mark.parametrize("num_beams", [1, 4])
def test_bytes_that_make_no_character_are_no_output(tiny, num_beams):
    """With all but the bytes banned, a model would write halves of characters: they are whole ones, or nothing."""
    decoder = Decoder(load(str(tiny)))
    pieces = decoder.checkpoint.tokenizer.pieces
    every = sorted({c for piece in pieces if isinstance(piece, str) for c in normalize(piece)})
    options = DecodingOptions(bad_words=every, max_target_length=7, num_beams=num_beams)
    for _, output in decoder.decode(SOURCES, options):
        assert "\ufffd" not in (output.text or "")
        assert not banned_words(output.text or "", every)
    free = [output.text for _, output in decoder.decode(SOURCES, DecodingOptions(max_target_length=7, num_beams=num_beams))]
    assert not [text for text in free if "\ufffd" in text]
    assert decoder.again[Stage.WELL_FORMED], "no output was broken: nothing was shown"
    assert decoder.report.endswith("searched again by torch float32, for broken characters"), decoder.report


def test_a_leak_of_the_automaton_would_not_be_shown(checkpoint, monkeypatch):
    """The last check is on the text itself."""
    options = DecodingOptions(max_target_length=6, num_beams=1)
    ((_, free),) = Decoder(checkpoint).decode(SOURCES[:1], options)
    monkeypatch.setattr(Decoder, "_constraints", lambda self, words, job: [])
    for word in (normalize(free.text)[0], BannedAnswer(normalize(free.text)[0], ("絶対に出ない" + normalize(free.text)[0],))):
        ((_, held),) = Decoder(checkpoint).decode(SOURCES[:1], options, banned=[[word]])
        assert held.text is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_answer_may_stand_inside_a_longer_word(checkpoint, backend):
    """Where an output has it only there it stays; --bad_words win; by itself it does not come out, at no length."""
    options = DecodingOptions(max_target_length=8, backend=backend)
    decoder = Decoder(checkpoint)
    free = dict(decoder.decode(SOURCES, options))
    texts = [fold(free[i].text) for i in range(len(SOURCES))]
    letters = [next(c for c in text[1:] if c.isalpha()) for text in texts]
    inside = [[BannedAnswer(letter, (text,))] for letter, text in zip(letters, texts, strict=True)]
    assert dict(decoder.decode(SOURCES, options, banned=inside)) == free
    assert decoder.constrained == 0
    options.bad_words = [text[:2] for text in texts]
    assert not any(banned_words(o.text or "", options.bad_words) for _, o in decoder.decode(SOURCES, options, banned=inside))
    options.bad_words = []
    written, both = 0, list(zip(letters, texts, strict=True))
    for options.max_target_length in range(1, 9):
        other = [[BannedAnswer(letter, (text[text.index(letter) :][:3], letter + "市"))] for letter, text in both]
        for i, output in decoder.decode(SOURCES, options, banned=other):
            assert not other[i][0].is_leaked(output.text or "")
            written += letters[i] in fold(output.text or "")
    assert written, "no longer word was written: nothing was shown"


N_BEST = [
    NBestOptions(num_beams=6, num_return_sequences=6),
    NBestOptions(num_beams=4, num_return_sequences=5, diversity_penalty=1.0),
    NBestOptions(num_beams=6, num_beam_groups=3, num_return_sequences=4, diversity_penalty=0.5),
    NBestOptions(do_sample=True, num_return_sequences=5, top_k=0),
]


@pytest.mark.parametrize("options", N_BEST)
def test_n_different_outputs(checkpoint, options):
    options.max_target_length = 8
    found = dict(Decoder(checkpoint).decode(SOURCES, options))
    banned = [[normalize(found[i].texts[1].text)[0]] for i in range(len(SOURCES))]
    answers = [[BannedAnswer(words[0], (words[0] + "県", "市" + words[0] + "の"))] for words in banned]
    for i, output in Decoder(checkpoint).decode(SOURCES, options, banned=answers):
        assert output.texts
        assert not any(answers[i][0].is_leaked(text.text) for text in output.texts)
    held = dict(Decoder(checkpoint).decode(SOURCES, options, banned=banned))
    for i, output in found.items():
        texts = [normalize(text.text) for text in output.texts]
        assert len(texts) == len(set(texts)) == options.num_return_sequences
        assert all(texts)
        assert (output.text, output.score) == (output.texts[0].text, output.texts[0].score)
        assert [text.score for text in output.texts] == sorted((text.score for text in output.texts), reverse=True)
        assert held[i].constrained
        assert not any(banned_words(text.text, banned[i]) for text in held[i].texts)
        clean = {text.text for text in output.texts if not banned_words(text.text, banned[i])}
        assert clean < {text.text for text in held[i].texts}


def test_duplicates_are_replaced(checkpoint, monkeypatch):
    """A search whose candidates say the same is done again, more widely."""
    ids = {text: i for i, text in enumerate(checkpoint.tokenizer.pieces)}
    one, same, other = ids["県"], ids[" "], ids["市"]
    asked = []

    def search(family, model, sources, plan, constraints):
        asked.append(plan.beams)
        wide = [Candidate((other, 1), -9.0, -4.5)] if plan.beams > 2 else []
        return [[Candidate((one, 1), -1.0, -0.5), Candidate((one, same, 1), -2.0, -0.7), *wide] for _ in sources]

    monkeypatch.setattr(torch_engine, "search", search)
    options = NBestOptions(num_beams=2, num_return_sequences=2, backend="torch", length_penalty=1.0)
    ((_, output),) = Decoder(checkpoint).decode(SOURCES[:1], options)
    assert asked == [2, 4]
    assert [(text.text, text.score, text.log_prob) for text in output.texts] == [("県", -0.5, -1.0), ("市", -4.5, -9.0)]


def test_batches_are_halved_where_memory_is_short(checkpoint, monkeypatch):
    options = DecodingOptions(max_target_length=5, backend="torch")
    expected = {i: output.text for i, output in Decoder(checkpoint).decode(SOURCES, options)}
    sizes = []
    real = torch_engine.search

    def short(family, model, sources, *rest):
        sizes.append(len(sources))
        if len(sources) > 2:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return real(family, model, sources, *rest)

    monkeypatch.setattr(torch_engine, "search", short)
    assert {i: output.text for i, output in Decoder(checkpoint).decode(SOURCES, options)} == expected
    assert sizes == [6, 3, 1, 2, 3, 1, 2]

    def never(family, model, sources, *rest):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch_engine, "search", never)
    with pytest.raises(InputError, match="one source alone needs more memory than there is; lower --max_input_length"):
        list(Decoder(checkpoint).decode(SOURCES, options))

    def other(family, model, sources, *rest):
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(torch_engine, "search", other)
    with pytest.raises(RuntimeError, match="shapes"):
        list(Decoder(checkpoint).decode(SOURCES, options))


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        (DecodingOptions(), "ctranslate2 float32"),
        (DecodingOptions(compute_type="int8"), "ctranslate2 int8"),
        (DecodingOptions(backend="torch"), "torch float32"),
        (DecodingOptions(do_sample=True), "torch float32 (CTranslate2 does not search so)"),
        (DecodingOptions(repetition_penalty=1.5), "torch float32 (CTranslate2 does not search so)"),
    ],
)
def test_the_engine_is_said(checkpoint, options, engine):
    decoder = Decoder(checkpoint)
    options.max_target_length = 3
    assert len(list(decoder.decode(SOURCES[:2], options))) == 2
    assert decoder.engine == engine


def test_an_engine_that_cannot_do_it(checkpoint, monkeypatch):
    monkeypatch.setattr(decoding.ctranslate, "obstacle", lambda checkpoint: "a bart model is not converted, only T5 and mT5")
    assert len(list(Decoder(checkpoint).decode(SOURCES[:1], DecodingOptions(max_target_length=3)))) == 1
    with pytest.raises(InputError, match="--backend ctranslate2 is not possible: a bart model"):
        list(Decoder(checkpoint).decode(SOURCES[:1], DecodingOptions(backend="ctranslate2")))
    with pytest.raises(InputError, match="--compute_type int8 is not possible"):
        list(Decoder(checkpoint).decode(SOURCES[:1], DecodingOptions(compute_type="int8")))


@pytest.mark.parametrize("kind", ["t5", "causal"])
def test_no_leak_in_random_cases(kind):
    """A part of benchmarks/leaks.py, whose 2,000 cases are in docs/benchmarks.md."""
    import sys

    from conftest import ROOT

    sys.path.append(str(ROOT / "benchmarks"))
    from leaks import measure

    counts = measure(60, peer=False, kind=kind)
    print(counts)
    assert counts["broken without constraints"] > 30
    assert counts["ours leaked"] == counts["clean changed"] == 0
