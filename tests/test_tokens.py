import pytest

from toi.tokens import content_words, mecab_tokens


@pytest.mark.parametrize(
    ("text", "expected"), [("今日は天気だ", ["今日", "は", "天気", "だ"]), ("", []), ("a b", ["a", "b"]), ("😀", ["😀"])]
)
def test_tokens(text, expected):
    assert mecab_tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今日はわるい天気だ", ("今日", "わるい", "天気")),
        ("美しく走った", ("美しい", "走る")),
        ("それは何ですか?", ()),
        ("ﾊﾞﾅﾅを食べている", ("バナナ", "食べる")),
        ("", ()),
    ],
)
def test_content_words_are_in_dictionary_form(text, expected):
    assert content_words(text) == expected
