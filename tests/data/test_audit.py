from dataclasses import replace

import pytest

from toi.data.audit import Audit, Measured, Note, Shared, percentile
from toi.data.examples import SPLITS, Answer, Example, Row


def rows(*texts):
    return [(Row(t, t, "問"), Example(t, t, f"問{t}", (Answer(t, 0),))) for t in texts]


class Characters:
    """A tokenizer of characters that knows no 丁, with an id for the end."""

    unk_id = 0

    def encode_batch(self, texts):
        return [[*(0 if self.is_unknown(c) else ord(c) for c in text), 1] for text in texts]

    def is_unknown(self, character):
        return character == "丁"


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([1], 50, 1), ([1, 2], 50, 1), ([1, 2, 3], 50, 2), (range(1, 101), 95, 95), (range(1, 101), 99, 99), ([5, 1], 100, 5)],
)
def test_percentiles_are_values_that_occur(values, percent, expected):
    assert percentile(list(values), percent) == expected


def test_what_splits_share_and_how_long_rows_are():
    audit = Audit()
    audit.drop("train", "no answer", "x")
    audit.doubt("test", "only in the title", "乙")
    audit.look_at({"train": rows("甲", "乙丙", "丁"), "dev": rows("戊"), "test": rows("乙丙", "己")})
    assert audit.dropped == [Note("train", "no answer", "x")]
    assert audit.ambiguous == [Note("test", "only in the title", "乙")]
    assert audit.shared == {
        Shared("dev", "context", "train"): 0,
        Shared("dev", "question", "train"): 0,
        Shared("test", "context", "train"): 1,
        Shared("test", "question", "train"): 1,
        Shared("test", "context", "dev"): 0,
        Shared("test", "question", "dev"): 0,
    }
    assert audit.lengths[Measured("source", "characters")] == {"train": [1, 2, 1], "dev": [1], "test": [2, 1]}
    assert audit.lengths[Measured("target", "characters")] == {"train": [1, 1, 1], "dev": [1], "test": [1, 1]}
    assert audit.tokens is None


def test_sharing_is_compared_after_normalization():
    audit = Audit()
    audit.look_at({"train": rows("ＡＢ"), "dev": rows("AB"), "test": rows("ab")})
    assert audit.shared[Shared("dev", "context", "train")] == 1
    assert audit.shared[Shared("test", "context", "train")] == 0


def test_rows_without_a_question_share_none():
    audit = Audit()
    audit.look_at({split: [(row, replace(example, question="")) for row, example in rows(split)] for split in SPLITS})
    assert set(audit.shared.values()) == {0}


def test_tokens_are_counted():
    audit = Audit()
    splits = {"train": rows("甲乙丙", "丁丁"), "dev": rows("丁"), "test": rows("己")}
    audit.look_at(splits)
    audit.count_tokens(splits, Characters(), "a tokenizer", {"source": 3, "target": 2})
    assert audit.tokenizer == "a tokenizer"
    assert audit.lengths[Measured("source", "tokens")] == {"train": [4, 3], "dev": [2], "test": [2]}
    assert audit.tokens.cut == {
        "source": {"train": 1, "dev": 0, "test": 0},
        "target": {"train": 0, "dev": 0, "test": 0},
        "answer": {"train": 1, "dev": 0, "test": 0},
    }
    assert audit.tokens.unknown == {"source": {"train": 2, "dev": 1, "test": 0}, "target": {"train": 0, "dev": 0, "test": 0}}
    assert audit.tokens.characters == {"丁": 3}


@pytest.mark.parametrize(
    ("source", "answer", "expected"),
    [
        ("甲<hl>乙<hl>丙丁戊己", "乙", 0),  # the answer and what marks it are 10 of 15 tokens
        ("甲乙丙丁戊己庚辛壬<hl>癸<hl>", "癸", 1),
        ("answer: 乙 context: 甲乙", "乙", 1),  # the answer is in the context, not where it is named
        ("乙甲丙丁戊己庚辛壬癸子丑寅卯", "乙", 0),
        ("乙甲丙丁戊己庚辛壬癸子丑寅卯", "無", 0),  # not in the source
        ("乙甲丙丁戊己庚辛壬癸子丑寅卯", None, 0),
    ],
)
def test_answers_that_a_model_would_not_see(source, answer, expected):
    example = Example("i", "文", "問", () if answer is None else (Answer(answer, 0),))
    one = [(Row("i", source, "問"), example)]
    splits = {"train": one, "dev": one, "test": one}
    audit = Audit()
    audit.count_tokens(splits, Characters(), "a tokenizer", {"source": 12, "target": 8})
    assert audit.tokens.cut["answer"] == {"train": expected, "dev": expected, "test": expected}
