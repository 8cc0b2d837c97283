import json

import pytest

from toi.scoring.aligned_pairs import AskedPair, align, aligned_measures, by_bertscore, by_characters, by_chrf, read_pairs
from toi.system.errors import InputError

A, B = "霧沢一は医師です。趣味は釣りです。", "白浜市の特産品は桃です。"
JOB, HOBBY, PEACH = (
    AskedPair(A, "霧沢一の職業は何ですか?", "医師"),
    AskedPair(A, "霧沢一の趣味は何ですか?", "釣り"),
    AskedPair(B, "白浜市の特産品は何ですか?", "桃"),
)
EQUAL = {"equal": (lambda ours, theirs: [float(one == other) for one, other in zip(ours, theirs, strict=True)], "equal")}


def figures(ours, gold, similarities=EQUAL):
    return {m.name: round(m.value, 4) for m in aligned_measures(align(ours, gold), similarities)}


def named(f1, precision, recall, coverage):
    names = [f"qa_aligned_{part}_equal" for part in ("f1", "precision", "recall")]
    return dict(zip([*names, "answer_coverage"], (f1, precision, recall, coverage), strict=True))


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        ([JOB, HOBBY, PEACH], named(1, 1, 1, 1)),
        ([PEACH, HOBBY, JOB], named(1, 1, 1, 1)),  # in whatever order
        ([], named(0, 0, 0, 0)),
        ([PEACH], named(0.5, 0.5, 0.5, 0.3333)),  # a paragraph without pairs has 0
        ([JOB, PEACH], named(0.8333, 1, 0.75, 0.6667)),  # 2/3 and 1: the mean of F1s, not the F1 of means
        ([JOB, JOB._replace(question="何?"), PEACH], named(0.75, 0.75, 0.75, 0.6667)),
        ([JOB._replace(context="霧沢一は 医師です。"), PEACH], named(0.8333, 1, 0.75, 0.6667)),  # a passage of the paragraph
        ([JOB._replace(context="他の文。"), PEACH], named(0.5, 0.5, 0.5, 0.3333)),
    ],
)
def test_aligned(ours, expected):
    assert figures(ours, [JOB, HOBBY, PEACH]) == expected


def test_pairs_of_other_texts_are_counted():
    assert align([JOB, JOB._replace(context="他の文。")], [JOB]).lost == 1


def test_similarities():
    texts = [JOB.text, HOBBY.text]
    assert by_characters(texts, texts) == by_chrf(texts, texts) == [1.0, 1.0]
    assert by_characters(["あい"], ["いう"]) == [0.5]
    assert 0 < by_chrf([JOB.text], [HOBBY.text])[0] < 1
    assert by_chrf(["あ"], ["い"]) == [0.0]


def test_without_gold_pairs():
    with pytest.raises(ValueError, match="no gold pair"):
        aligned_measures(align([JOB], []), EQUAL)


def test_bertscore_that_is_not_installed():
    with pytest.raises(InputError, match="--bertscore_model needs bert_score, which is not installed: pip install"):
        by_bertscore("m")


def test_files(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({**JOB._asdict(), "rank": 1}) + "\n")
    assert read_pairs(path) == [JOB]
    asked = {"id": "1", "question": JOB.question, "answers": [{"text": "医師", "answer_start": 4}]}
    squad = {"data": [{"paragraphs": [{"context": A, "qas": [asked]}]}]}
    (tmp_path / "a.json").write_text(json.dumps(squad))
    assert read_pairs(tmp_path / "a.json") == [JOB]
    path.write_text('{"context": "一", "question": 2, "answer": "三"}\n')
    with pytest.raises(InputError, match=r"pairs.jsonl:1: not a pair"):
        read_pairs(path)
