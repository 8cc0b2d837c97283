import sys

import pytest

from toi.scoring.segmentation import decoded_pieces, segmentation
from toi.system.errors import InputError
from toi.text.words import content_words, mecab_tokens, mecab_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今日は天気だ", ["今日", "は", "天気", "だ"]),
        ("", []),
        ("a b", ["a", "b"]),
        (" 桃　と 梨\n", ["桃", "と", "梨"]),
        ("😀", ["😀"]),
        ("a\0b", ["a", "b"]),
    ],
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


def test_words_have_a_part_of_speech_and_a_dictionary_form():
    word, *_ = mecab_words("走った")
    assert (word.surface, word.pos[0], word.base) == ("走っ", "動詞", "走る")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mecab", ("国家", "公務員", "は", "県庁", "所在地", "に", "いる")),
        ("sudachi-a", ("国家", "公務", "員", "は", "県庁", "所在", "地", "に", "いる")),
        ("sudachi-b", ("国家", "公務員", "は", "県庁", "所在地", "に", "いる")),
        ("sudachi-c", ("国家公務員", "は", "県庁", "所在地", "に", "いる")),
        ("char", tuple("国家公務員は県庁所在地にいる")),
    ],
)
def test_segmentations(name, expected):
    if name.startswith("sudachi"):
        pytest.importorskip("sudachipy", reason="sudachipy is not installed (requirements-dev.txt)")
    cut = segmentation(name)
    assert tuple(cut.tokens("国家公務員は 県庁所在地　にいる")) == expected
    assert cut.tokens("") == ()
    assert cut.tokens("\u3000 ") == ()
    assert cut.name == name
    assert cut.signature.startswith(name)


def test_sudachi_refuses_what_is_too_long_in_words():
    pytest.importorskip("sudachipy", reason="sudachipy is not installed (requirements-dev.txt)")
    cut = segmentation("sudachi-a")
    assert len(cut.tokens("桃と梨" * 3334)) == 10_002
    with pytest.raises(InputError, match="Sudachi cannot take a text of 20,000 characters"):
        cut.tokens("あ" * 20_000)


@pytest.mark.parametrize(
    ("module", "message"),
    [("sudachipy", "needs Sudachi: pip install sudachipy sudachidict_core")],
)
def test_what_is_not_installed_is_named_with_the_line_that_installs_it(module, message, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=message):
        segmentation("sudachi-a")


@pytest.mark.parametrize("name", ["juman", "", "sudachi", "T5:x"])
def test_unknown_names(name):
    with pytest.raises(InputError, match="tokenizers are mecab, sudachi-a, sudachi-b, sudachi-c, char and t5:FOLDER"):
        segmentation(name)


def test_the_tokenizer_of_a_model(tiny):
    cut = segmentation(f"t5:{tiny}")
    tokens = cut.tokens("県庁所在地はどこですか?")
    assert tokens[0].startswith("▁")
    assert "".join(tokens).lstrip("▁") == "県庁所在地はどこですか?"
    assert cut.signature.startswith("t5-spiece.model-")
    with pytest.raises(InputError, match="no such model folder"):
        segmentation("t5:/no/such/folder")


def test_decoded_pieces(tiny):
    tokens = decoded_pieces(tiny).tokens("県庁所在地はどこですか?")
    assert "".join(tokens) == "県庁所在地はどこですか?"
    assert len(tokens) > 1
