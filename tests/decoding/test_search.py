import math

import pytest
import torch
from conftest import load_speaking

from toi.decoding.banned import BannedText, Vocabulary
from toi.decoding.search import Candidate, Model, Plan, _draw, _pick, _repeating, out_of_memory, search
from toi.text.folding import fold

SOURCES = [f"answer: {a} context: 山梨県の県庁所在地は{a}です。" for a in ("甲府市", "桃", "白浜市" * 5, "霧沢一")]


@pytest.fixture(scope="module")
def checkpoint(tiny):
    return load_speaking(tiny)


@pytest.fixture(scope="module")
def model(checkpoint):
    return Model(checkpoint.model.eval(), 0, checkpoint.tokenizer.pad_id, checkpoint.tokenizer.eos_id)


@pytest.fixture(scope="module")
def sources(checkpoint):
    return checkpoint.tokenizer.encode_batch(SOURCES)


@pytest.mark.parametrize(("beams", "length_penalty"), [(1, 1.0), (4, 1.0), (4, -1.0), (10, 0.5), (4, 0.0)])
def test_the_beam_search_of_transformers_finds_the_same(model, sources, beams, length_penalty):
    plan = Plan(beams=beams, length_penalty=length_penalty, max_length=10)
    for source, (best, *_) in zip(sources, search(model, sources, plan), strict=True):
        theirs = model.model.generate(
            input_ids=torch.tensor([source]), num_beams=beams, length_penalty=length_penalty, max_new_tokens=10,
            min_new_tokens=1, early_stopping=False, do_sample=False,
        )[0, 1:].tolist()  # fmt: skip
        assert list(best.ids) == theirs


def test_a_sure_long_output_is_waited_for(model, sources, monkeypatch):
    """One beam is nearly certain and long, and beside it short bad ones end at every step: they must not end the search."""
    eos, vocabulary = model.eos_id, model.model.config.vocab_size
    long = [7, 8, 9, 10, 11, 12, 13, eos]

    class Sure:
        def __init__(self, model, sources):
            pass

        def step(self, tokens):
            logits = torch.full((len(tokens), vocabulary), -20.0)
            for i, token in enumerate(tokens.tolist()):
                logits[i, eos] = 0.0
                if token in (0, *long):
                    logits[i, long[0 if token == 0 else long.index(token) + 1]] = 10.0
                logits[i, 20:30] = -1.0
            return logits

        def select(self, outputs):
            pass

    monkeypatch.setattr("toi.decoding.search._Decoder", Sure)
    for length_penalty in (0.0, 1.0):
        for beams in (1, 4, 8):
            (found,) = search(model, sources[:1], Plan(beams=beams, length_penalty=length_penalty, max_length=20))
            assert list(found[0].ids) == long


def test_log_prob_and_rank(model, sources):
    for found in search(model, sources, Plan(beams=3, length_penalty=2.0, max_length=6, num_hypotheses=3)):
        assert [c.rank for c in found] == sorted((c.rank for c in found), reverse=True)
        for candidate in found:
            ids = torch.tensor([[0, *candidate.ids]])
            with torch.no_grad():
                source = torch.tensor([sources[0]])
                logits = model.model(input_ids=source, decoder_input_ids=ids[:, :-1]).logits[0]
            logits[0, model.eos_id] = -torch.inf  # not empty
            expected = logits.log_softmax(-1)[range(len(candidate.ids)), candidate.ids].sum().item()
            assert candidate.log_prob == pytest.approx(expected, abs=1e-3)
            assert candidate.rank == pytest.approx(candidate.log_prob / len(candidate.ids) ** 2, abs=1e-6)
        break


PLANS = [
    Plan(beams=1, max_length=8),
    Plan(beams=4, max_length=8, num_hypotheses=4),
    Plan(beams=4, max_length=8, repetition_penalty=1.5, no_repeat_ngram_size=2),
    Plan(beams=6, groups=3, diversity_penalty=1.0, max_length=8, num_hypotheses=6),
    Plan(do_sample=True, samples=3, max_length=8, temperature=1.3, top_p=0.9),
    Plan(do_sample=True, samples=2, max_length=8, top_k=0),
]


@pytest.mark.parametrize("plan", PLANS)
def test_nothing_depends_on_the_batch(model, sources, plan):
    together = search(model, sources, plan)
    alone = [search(model, [source], plan)[0] for source in sources]
    backwards = search(model, sources[::-1], plan)[::-1]
    for a, b, c in zip(together, alone, backwards, strict=True):
        assert [x.ids for x in a] == [x.ids for x in b] == [x.ids for x in c]
        assert [x.log_prob for x in a] == pytest.approx([x.log_prob for x in b], abs=1e-4)


def test_groups_differ_and_one_group_is_beam_search(model, sources):
    plain = search(model, sources, Plan(beams=4, max_length=8, num_hypotheses=4))
    diverse = search(model, sources, Plan(beams=4, groups=4, diversity_penalty=3.0, max_length=8, num_hypotheses=4))

    def first_tokens(found):
        return sum(len({candidate.ids[0] for candidate in of_source}) for of_source in found)

    assert first_tokens(diverse) == 4 * len(sources) > first_tokens(plain)
    greedy = search(model, sources, Plan(beams=1, max_length=8))
    assert [found[0].ids for found in diverse] == [found[0].ids for found in greedy], "the first group is not held back"


def test_sampling(model, sources):
    greedy = search(model, sources, Plan(beams=1, max_length=8))
    sampled = search(model, sources, Plan(do_sample=True, samples=2, top_k=1, max_length=8))
    assert [[c.ids for c in found] for found in sampled] == [[found[0].ids] * 2 for found in greedy]
    three = search(model, sources, Plan(do_sample=True, samples=3, max_length=8))
    more = search(model, sources, Plan(do_sample=True, samples=1, first=2, max_length=8))
    assert {c.ids for c in more[0]} < {c.ids for c in three[0]}, "a further sample is the one that a larger number would have drawn"
    other = search(model, sources, Plan(do_sample=True, samples=3, max_length=8, seed=1))
    assert [c.ids for c in other[0]] != [c.ids for c in three[0]]


@pytest.mark.parametrize(
    ("plan", "allowed"),
    [
        (Plan(top_k=2), {0, 1}),
        (Plan(top_p=0.5), {0}),
        (Plan(top_p=0.7), {0, 1}),
        (Plan(top_k=0), {0, 1, 2, 3}),
        (Plan(temperature=0.01), {0}),
    ],
)
def test_draw(plan, allowed):
    log_probs = torch.tensor([0.6, 0.25, 0.1, 0.05]).log().expand(400, 4)
    drawn = _draw(log_probs, torch.arange(400) / 400, plan)
    assert set(drawn.tolist()) == allowed
    if plan == Plan(top_k=0):
        assert drawn.bincount().tolist() == pytest.approx([240, 100, 40, 20], abs=1)


@pytest.mark.parametrize(
    ("ids", "n", "expected"),
    [
        ([], 1, []),
        ([5], 1, [5]),
        ([5, 6], 2, []),
        ([5, 6, 5], 2, [6]),
        ([5, 6, 5, 7, 5], 2, [6, 7]),
        ([5, 6, 7, 5, 6], 3, [7]),
        ([5], 3, []),
    ],
)
def test_repeating(ids, n, expected):
    assert _repeating(ids, n) == expected


def test_penalties_on_repetition(model, sources):
    for found in search(model, sources, Plan(beams=2, max_length=12, no_repeat_ngram_size=1)):
        assert len(set(found[0].ids)) == len(found[0].ids)
    free = search(model, sources, Plan(beams=1, max_length=12))
    held = search(model, sources, Plan(beams=1, max_length=12, repetition_penalty=5.0))
    assert sum(len(set(f[0].ids)) for f in held) > sum(len(set(f[0].ids)) for f in free)


def test_pick():
    inf = math.inf
    picked = _pick([(-1.0, 0, 1), (-2.0, 0, 5), (-3.0, 1, 1), (-4.0, 1, 6)], 2, 1, False)
    assert (picked.finished, picked.alive) == ([(-1.0, 0, 1)], [(-4.0, 1, 6), (-2.0, 0, 5)])
    picked = _pick([(-1.0, 0, 5), (-inf, 0, 2), (-inf, 0, 1), (-inf, 0, 3)], 2, 1, False)
    assert (picked.finished, [value for value, _, _ in picked.alive]) == ([], [-1.0, -inf])


@pytest.mark.parametrize("plan", PLANS)
def test_constraints_hold_in_every_candidate(checkpoint, model, sources, plan):
    vocabulary = Vocabulary.of(checkpoint.tokenizer)
    free = search(model, sources, plan)
    texts = checkpoint.tokenizer.decode_batch([c.ids for found in free for c in found])
    words = [c for c in "".join(map(fold, texts)) if c.isalnum()][:3]
    assert words
    banned = [BannedText(vocabulary, words)]
    held = search(model, sources, plan, [banned if i % 2 else [] for i in range(len(sources))])
    for i, (before, after) in enumerate(zip(free, held, strict=True)):
        if i % 2:
            texts = checkpoint.tokenizer.decode_batch([c.ids for c in after])
            assert not [text for text in texts if any(word in fold(text) for word in words)]
        else:
            assert [c.ids for c in before] == [c.ids for c in after]


def test_nothing_is_left(checkpoint, model, sources):
    """Where every token is forbidden there is no candidate."""
    vocabulary = Vocabulary([""] * 0, {})
    banned = BannedText(vocabulary, [])
    banned.always = torch.arange(model.model.config.vocab_size).numpy()
    for plan in PLANS:
        assert search(model, sources[:2], plan, [[banned], []])[0] == []
    assert isinstance(search(model, sources[:2], PLANS[0], [[banned], []])[1][0], Candidate)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("mkl_malloc: failed to allocate memory"), True),  # CTranslate2
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("The size of tensor a (2) must match the size of tensor b (3)"), False),
        (RuntimeError("failed to load the model"), False),
    ],
)
def test_what_is_said_when_memory_is_short(error, expected):
    assert out_of_memory(error) == expected
