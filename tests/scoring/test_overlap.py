import random

import pytest
from rouge_score import rouge_scorer

from toi.scoring.overlap import lcs_indices, lcs_length, ngrams, shared, union_lcs_hits


@pytest.mark.parametrize(
    ("tokens", "n", "expected"),
    [
        ("ああい", 1, {"あ": 2, "い": 1}),
        ("ああい", 2, {"ああ": 1, "あい": 1}),
        (["今日", "は", "今日"], 1, {"今日": 2, "は": 1}),
        (["今日", "は", "今日"], 2, {("今日", "は"): 1, ("は", "今日"): 1}),
        (["今日"], 2, {}),
        ([], 1, {}),
        ("", 3, {}),
    ],
)
def test_ngrams(tokens, n, expected):
    assert dict(ngrams(tokens, n)) == expected


def test_shared_counts_an_item_as_often_as_both_have_it():
    assert shared(ngrams("aab", 1), ngrams("abbb", 1)) == 2
    assert shared(ngrams("", 1), ngrams("abbb", 1)) == 0


@pytest.mark.parametrize(
    ("one", "other", "length"),
    [
        ("", "", 0),
        ("a", "", 0),
        ("abc", "abc", 3),
        ("abc", "cba", 1),
        ("abcbdab", "bdcaba", 4),
        ("今日は天気だ", "今日はわるい天気だ", 6),
    ],
)
def test_lcs(one, other, length):
    assert lcs_length(list(one), list(other)) == lcs_length(list(other), list(one)) == length
    indices = lcs_indices(list(one), list(other))
    assert len(indices) == length
    assert indices == sorted(set(indices))


def test_lcs_is_the_one_that_rouge_score_finds():
    """Which of several LCSs is taken decides the union of ROUGE-Lsum."""
    draw = random.Random(0)
    for _ in range(400):
        one, other = (draw.choices("abcd", k=draw.randrange(12)) for _ in range(2))
        assert lcs_indices(one, other) == rouge_scorer.lcs_ind(one, other)
        assert lcs_length(one, other) == len(rouge_scorer.lcs_ind(one, other))


def test_union_of_lcs():
    """The worked example of Lin 2004, 3.2: w1 w2 w3 w5 are covered, 4 of 5."""
    assert union_lcs_hits([["w1", "w2", "w3", "w4", "w5"]], [["w1", "w2", "w6", "w7", "w8"], ["w1", "w3", "w8", "w9", "w5"]]) == 4
    assert union_lcs_hits([["a"], ["a"]], [["a"]]) == 1  # the candidate has it once
    assert union_lcs_hits([["a"]], []) == 0


def test_long_lines_are_no_burden():
    draw = random.Random(0)
    one, other = (draw.choices("あいうえおかき", k=10_000) for _ in range(2))
    assert 5_000 < lcs_length(one, other) < 10_000
    assert len(lcs_indices(one, other)) == lcs_length(one, other)
