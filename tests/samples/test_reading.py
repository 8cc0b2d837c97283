"""What the base is pretrained on."""

import itertools

import facts
from conftest import ROOT
from dictionary import held_out
from reading import HIGHLIGHT, Encoder, Reader, batches


def test_examples():
    kinds = {"ask": 0, "marked": 0, "answer": 0, "spans": 0}
    for seed in range(300):
        for source, target in Reader(seed).examples():
            if source.startswith("answer: "):
                answer, context = source.removeprefix("answer: ").split(" context: ", 1)
                assert context.count(answer) == 1
                assert target.endswith("か?")
                kinds["ask"] += 1
            elif source.startswith("question: "):
                question, context = source.removeprefix("question: ").split(" context: ", 1)
                assert question.endswith("か?")
                assert target in context
                kinds["answer"] += 1
            elif HIGHLIGHT in source:
                assert source.count(HIGHLIGHT) == 2
                assert target.endswith("か?")
                kinds["marked"] += 1
            else:
                assert ("<extra_id_0>" in source) == ("<extra_id_0>" in target)
                kinds["spans"] += 1
    assert all(count > 20 for count in kinds.values()), kinds


def test_no_fact_is_in_the_pretraining_text():
    names = [entity for domain in facts.DOMAINS for entity in domain.rows if len(entity) > 2]
    for seed in range(2_000):
        text = "".join(sentence.text for sentence in Reader(seed).context())
        for entity in names:
            if entity in text:
                values = next(domain.rows[entity] for domain in facts.DOMAINS if entity in domain.rows)
                assert not any(value in text for value in values if len(value) > 1)


def test_words_of_facts_are_held_out():
    words = held_out()
    assert {"山梨県", "山梨", "甲府市", "甲府", "夏目漱石"} <= words


def test_a_run_that_goes_on_reads_the_same_batches():
    encode = Encoder(ROOT / "samples" / "base")
    whole = list(itertools.islice(batches(encode, 1, 2, {}), 40))
    for start in (1, 16, 37):
        assert list(itertools.islice(batches(encode, 1, 2, {}, start), 3)) == whole[start : start + 3]
    assert whole[0] != whole[16]
