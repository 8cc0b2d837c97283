import sys

import pytest

from toi.scoring.hallucination import check_hallucination, hallucinated_words
from toi.system.errors import InputError

BAD = "今日はわるい天気だ"
CONTEXT = "甲府市は山梨県の中央にあり、1889年に市になった。"

CASES = [
    # candidate, reference, hallucinated; the first four are the user's
    (BAD, BAD, set()),
    ("今日は天気だ", BAD, set()),
    (BAD, "今日は天気だ", {"わるい"}),
    (BAD, "今日はよい天気だ", {"わるい"}),
    ("今日は悪い天気だ", BAD, {"悪い"}),  # another spelling
    (
        "富士山の高さは何メートルですか?",
        "富士山は日本の山です。",
        {"高い"},
    ),  # in dictionary form; a unit behind a number is a suffix
    ("山梨のどこに甲府市はありますか?", CONTEXT, set()),  # cut differently: 山梨 in 山梨県
    ("甲府市は1889年に何になりましたか?", CONTEXT, set()),
    ("甲府市は1990年に誰が作ったか?", CONTEXT, {"1990", "作る"}),
    ("走ったのは誰か", "彼は走る。", set()),  # another form of a word
    ("誰が、いつ、どこで、何を、なぜ、どうしたか", "", set()),  # what asks
    ("この人はどれほど有名ですか", "有名な人", set()),  # what points
    ("何人がいつからいますか", "", set()),
    ("①はﾊﾞﾅﾅですか", "1はバナナです", set()),  # both sides are normalized
    ("", BAD, set()),
    ("😀!?。", BAD, set()),
    ("天気", "", {"天気"}),
]


@pytest.mark.parametrize(("candidate", "reference", "expected"), CASES)
def test_cases(candidate, reference, expected):
    assert check_hallucination(candidate, reference) == expected


@pytest.mark.parametrize(
    ("stop_words", "expected"),
    [
        (None, set()),
        ([], {"さて", "どんな", "どちら"}),  # none at all
        (["どんな"], {"さて", "どちら"}),
        (["どんな", "さて", "どちら", "でしょう"], set()),
        ("どちら さて どんな".split(), set()),
    ],
)
def test_stop_words(stop_words, expected):
    assert check_hallucination("さて、どんな天気がどちらで見られるでしょう", "天気が見られる", stop_words) == expected


def test_a_stop_word_may_be_any_form_and_several_words():
    assert check_hallucination("走った", "", ["走る"]) == set()
    assert check_hallucination("県庁所在地", "", ["県庁所在地"]) == set()
    assert check_hallucination("県庁所在地", "", ["県庁"]) == {"所在地"}


def test_all_words():
    assert check_hallucination("天気でしょう", "天気", content_only=False) == set()  # でしょう is a stop word of two words
    assert check_hallucination("天気でしょう。", "天気", [], content_only=False) == {"です", "う"}


def test_words_are_counted():
    assert hallucinated_words("わるい天気は、わるい", "天気") == (["わるい", "わるい"], 3)
    assert hallucinated_words("", "天気") == ([], 0)


def test_ginza_is_asked_for_only_where_it_is_wanted(monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    from toi.scoring.hallucination import _ginza_tokenizer

    _ginza_tokenizer.cache_clear()
    with pytest.raises(InputError, match="pip install ginza ja-ginza"):
        check_hallucination(BAD, "x", tokenizer="ginza")


@pytest.mark.parametrize(("candidate", "reference", "expected"), CASES[:5])
def test_ginza(candidate, reference, expected):
    pytest.importorskip("ja_ginza", reason="ja-ginza is not installed")
    assert check_hallucination(candidate, reference, tokenizer="ginza") == expected
