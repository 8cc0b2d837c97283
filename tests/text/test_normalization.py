import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toi.text.edits import Edit, bracketed, substitute
from toi.text.normalization import Normalization, _normalize_whole, align, normalize

NORMALIZED = [
    ("", ""),
    (" \t\r\n　", ""),
    ("そのまま。", "そのまま。"),
    ("5〜7月", "5~7月"),
    ("5～7月", "5~7月"),
    ("～", "~"),
    ("１２３ＡＢＣ", "123ABC"),
    ("ﾋﾟｱﾉ", "ピアノ"),
    ("ﾊﾞﾊﾟｳﾞ", "バパヴ"),
    ("か\u3099", "が"),
    ("一行目\n二行目", "一行目二行目"),
    ("one\ntwo", "one two"),
    ("a\tb\u2028c\x85d", "a b c d"),
    ("山 梨　県", "山梨県"),
    ("Tokyo  Tower に 行く", "Tokyo Towerに行く"),
    ("スーーーパー", "スーパー"),
    ("㍻㈱", "平成(株)"),
    ("\ufeff頭", "頭"),
    ("\ud800", "\ufffd"),
    ("「“引用”」", '「"引用"」'),
    ("Café", "Café"),
]


@pytest.mark.parametrize(("raw", "expected"), NORMALIZED)
def test_normalize(raw, expected):
    assert normalize(raw) == expected


def test_lowercase_is_an_option():
    assert normalize("ＡbC") == "AbC"
    assert Normalization(lowercase=True)("ＡbC") == "abc"


# What neologdn, NFKC and the alignment treat specially, more often than chance would draw it.
TRICKY = st.sampled_from("〜～~ーｰ-−–—　 \n\tｶﾞﾊﾟ゛゜\u3099\u309a\u0301é㍻㈱ﬁ（）()[]あア漢aA1１。、\u200b\ufeff\ud800İ가ᄀ한")
TEXTS = st.text(alphabet=st.one_of(TRICKY, st.characters()), max_size=30)


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.booleans())
@example("ﾞ゛", False)
@example("a\u0301 \u0301", True)
@example("ー〜ー～", False)
def test_normalize_is_idempotent_and_clean(text, lowercase):
    once = normalize(text, lowercase)
    assert normalize(once, lowercase) == once
    assert len(once.splitlines()) <= 1
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in once)
    assert once == once.strip()


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.booleans())
@example("AΣ 漢", True)
@example("かﾞ", False)
def test_pieces_are_normalized_as_the_whole_is(text, lowercase):
    assert normalize(text, lowercase) == _normalize_whole(text, lowercase)


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.booleans())
@example("あ ﾞい", False)
@example("x\u0345あ", True)
def test_alignment_is_consistent(text, lowercase):
    aligned = align(text, lowercase)
    assert aligned.text == normalize(text, lowercase)
    assert len(aligned.offsets) == len(text) + 1
    assert aligned.offsets[0] == 0 or not aligned.text.strip()
    assert aligned.offsets[-1] == len(aligned.text)
    assert list(aligned.offsets) == sorted(aligned.offsets)


SPANS = [
    # raw text, annotated span, what it is after normalization
    ("山梨県の県庁所在地は甲府市です。", "甲府市", 0, "甲府市"),
    ("甲府市です。", "甲府市", 0, "甲府市"),
    ("県庁は甲府市", "甲府市", 0, "甲府市"),
    ("甲府市と甲府市", "甲府市", 1, "甲府市"),
    ("　全角　の　甲府市　です", "甲府市", 0, "甲府市"),
    ("値は　１２３　です", "　１２３　", 0, "123"),
    ("ﾋﾟｱﾉとﾊﾞｲｵﾘﾝ", "ﾊﾞｲｵﾘﾝ", 0, "バイオリン"),
    ("会期は5〜7月です", "5〜7月", 0, "5~7月"),
    ("ﾃｽﾄ(注)の か\u3099くせい", "か\u3099くせい", 0, "がくせい"),
    ("か\u3099く", "か", 0, "が"),  # a part of a composed character takes the whole of it
    ("ﾊﾞﾅﾅ", "ﾊ", 0, "バ"),
    ("一行目\n二行目", "目\n二", 0, "目二"),
    ("New\nYork の橋", "New\nYork", 0, "New York"),
    ("㍻元年", "㍻", 0, "平成"),
    ("スーーパー", "スーーパー", 0, "スーパー"),
    ("(株)ﾄｲの本", "(株)ﾄｲ", 0, "(株)トイ"),
    ("a b", "b", 0, "b"),
    ("😀と甲府市", "甲府市", 0, "甲府市"),
]


@pytest.mark.parametrize(("raw", "marked", "which", "expected"), SPANS)
def test_spans_are_carried_over(raw, marked, which, expected):
    start = -1
    for _ in range(which + 1):
        start = raw.index(marked, start + 1)
    aligned = align(raw)
    low, high = aligned.span(start, start + len(marked))
    assert aligned.text[low:high] == expected


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (0, 9), (2, 2), (3, 1)])
def test_span_outside_the_text(start, end):
    with pytest.raises(ValueError, match="not within"):
        align("三文字").span(start, end)


def test_span_of_nothing():
    with pytest.raises(ValueError, match="nothing is left"):
        align("あ　い").span(1, 2)


BRACKETS = [
    ("東京（とうきょう）の", "東京の"),
    ("東京(とうきょう)の", "東京の"),
    ("東京（とう（きょう））の", "東京の"),
    ("東京（とうきょう)の", "東京の"),
    ("（）", ""),
    ("東京（とうきょうの", "東京（とうきょうの"),
    ("東京）とうきょう（の", "東京）とうきょう（の"),
    ("甲（a）乙（b）", "甲乙"),
]


@pytest.mark.parametrize(("raw", "expected"), BRACKETS)
def test_brackets(raw, expected):
    assert Normalization(remove_brackets=True)(raw) == expected.translate(str.maketrans("（）", "()"))
    assert substitute(raw, [Edit(*span) for span in bracketed(raw)]) == expected


def test_brackets_around_the_answer_stay():
    raw = "東京（とうきょう、旧名は江戸（えど））の塔（とう）"
    start = raw.index("江戸")
    aligned = Normalization(remove_brackets=True).aligned(raw, (start, start + 2))
    assert aligned.text == "東京(とうきょう、旧名は江戸)の塔"
    low, high = aligned.span(start, start + 2)
    assert aligned.text[low:high] == "江戸"


SEPARATORS = [
    ("梅雨 [SEP] 梅雨（つゆ）", "梅雨<|n|>梅雨(つゆ)"),
    ("ABC [sep] DEF", "ABC<|n|>DEF"),
    ("[SEP]", "<|n|>"),
    ("（甲 [SEP] 乙）", "(甲<|n|>乙)"),
    ("[Sep]", "[Sep]"),
]


@pytest.mark.parametrize(("raw", "expected"), SEPARATORS)
def test_separators(raw, expected):
    assert Normalization()(raw) == expected
    aligned = Normalization().aligned(raw)
    assert aligned.text == expected
    assert list(aligned.offsets) == sorted(aligned.offsets)
    assert Normalization(separator="。")(raw) == expected.replace("<|n|>", "。")


def test_a_span_behind_a_separator_and_brackets():
    raw = "梅雨（つゆ） [SEP] 梅雨（ばいう）は雨季（うき）の一種"
    start = raw.index("雨季")
    aligned = Normalization(remove_brackets=True).aligned(raw, (start, start + 2))
    assert aligned.text == "梅雨<|n|>梅雨は雨季の一種"
    low, high = aligned.span(start, start + 2)
    assert aligned.text[low:high] == "雨季"
