import pytest

from toi.text.occurrences import choose, find, sentences

FOUND = [
    ("バナナ", "ﾊﾞﾅﾅとバナナ", ["ﾊﾞﾅﾅ", "バナナ"]),
    ("ﾊﾞﾅﾅ", "バナナ", ["バナナ"]),
    ("12", "１２と12", ["１２", "12"]),
    ("ああ", "ああああ", ["ああ", "ああ"]),
    ("5~7月", "5〜7月", ["5〜7月"]),
    ("桃", "梨", []),
    ("", "梨", []),
    ("　", "梨", []),
    ("桃", "", []),
]


@pytest.mark.parametrize(("answer", "context", "expected"), FOUND)
def test_find(answer, context, expected):
    assert [context[start:end] for start, end in find(answer, context)] == expected


SENTENCES = [
    ("甲。乙！丙？丁", ["甲。", "乙！", "丙？", "丁"]),
    ("「甲。」と乙。", ["「甲。」", "と乙。"]),
    ("甲！？乙", ["甲！？", "乙"]),
    ("甲\n\n乙\n", ["甲\n\n", "乙\n"]),
    ("3.5と4.5", ["3.5と4.5"]),
    ("", []),
    ("。", ["。"]),
]


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_sentences(text, expected):
    assert [text[start:end] for start, end in sentences(text)] == expected
    assert "".join(expected) == text


CHOICES = [
    # context, question, answer, index of the occurrence, whether the choice is open
    ("甲府市は盆地の市。県庁は甲府市にある。", "県庁はどこにある?", "甲府市", 1, False),
    ("県庁は甲府市にある。甲府市は盆地の市。", "県庁はどこにある?", "甲府市", 0, False),
    ("甲府市は盆地。甲府市は暑い。", "県庁はどこにある?", "甲府市", 0, True),
    ("甲府市と甲府市。", "県庁は?", "甲府市", 0, False),  # one sentence: either will do
    ("県庁は甲府市。", "無関係", "甲府市", 0, False),
]


@pytest.mark.parametrize(("context", "question", "answer", "expected", "is_open"), CHOICES)
def test_choose(context, question, answer, expected, is_open):
    spans = find(answer, context)
    assert choose(context, question, spans) == (spans[expected], is_open)
