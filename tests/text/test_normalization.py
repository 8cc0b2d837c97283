import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toi.text.edits import Edit, bracketed, substitute
from toi.text.normalization import Normalization, _normalize_whole, align, align_lines, normalize, normalize_lines

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


LINES = [
    ("", ""),
    ("\n \r\n　\t", ""),
    ("一行目\n二行目", "一行目\n二行目"),
    ("a\r\nb\rc\nd", "a\nb\nc\nd"),
    ("\n\n 題　名 \n\n\n\tﾋﾟｱﾉを\t弾く\n\n", "題名\n\n\nピアノを弾く"),
    ("か\n\u3099く", "か\n\u3099く"),  # a mark composes with nothing of another line
    ("a\u2028b\x85c\x0cd", "a b c d"),
    ("one \r\r\n two", "one\n\ntwo"),
]


@pytest.mark.parametrize(("raw", "expected"), LINES)
def test_lines(raw, expected):
    assert normalize_lines(raw) == expected.replace("\u3099", normalize("\u3099"))
    assert Normalization(line_breaks=True)(raw) == normalize_lines(raw)
    assert align_lines(raw).text == normalize_lines(raw)


@settings(max_examples=600, deadline=None)
@given(st.lists(TEXTS, max_size=5), st.booleans(), st.sampled_from(["\n", "\r\n", "\r"]))
@example(["\u200bあ", "か", "ﾞ゛"], False, "\n")
@example(["か", "\u200b\u3099く"], False, "\n")
def test_each_line_is_normalized_by_itself(lines, lowercase, line_break):
    lines = [line.replace("\n", " ").replace("\r", " ") for line in lines]
    raw = line_break.join(lines)
    aligned = align_lines(raw, lowercase)
    assert aligned.text == normalize_lines(raw, lowercase) == "\n".join(normalize(line, lowercase) for line in lines).strip("\n")
    assert normalize_lines(aligned.text, lowercase) == aligned.text
    assert len(aligned.offsets) == len(raw) + 1
    assert aligned.offsets[-1] == len(aligned.text)
    assert list(aligned.offsets) == sorted(aligned.offsets)
    assert not {unicodedata.category(c) for c in aligned.text.replace("\n", "")} & {"Cc", "Cs"}


def marked_by(aligned, start, end):
    """What a span became; None where nothing is left of it."""
    try:
        low, high = aligned.span(start, end)
    except ValueError:
        return None
    return aligned.text[low:high]


@settings(max_examples=600, deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.data())
@example("か", "\u200b\u3099く", "", None)
@example("ガ", "ﾞ゛", "ﾞ", None)
def test_a_span_of_a_line_is_what_it_is_in_the_line_alone(before, line, behind, data):
    before, line, behind = (text.replace("\n", " ").replace("\r", " ") for text in (before, line, behind))
    raw = f"{before}\n{line}\r\n{behind}"
    aligned, alone, shift = align_lines(raw), align(line), len(before) + 1
    spans = [(i, j) for i in range(len(line)) for j in range(i + 1, len(line) + 1)]
    if data is not None and len(spans) > 20:
        spans = [data.draw(st.sampled_from(spans))]
    for start, end in spans:
        assert marked_by(aligned, start + shift, end + shift) == marked_by(alone, start, end)


SPANS_OF_LINES = [
    ("題　名\n　１２３人　です", "１２３人", "123人"),
    ("一行目\r\n二　行目\n", "行目\r\n二　行", "行目\n二行"),
    ("\n\n甲府市\n", "\n甲府市\n", "甲府市"),
    ("（注）\n甲府市（こうふし）\nです", "甲府市（こうふし）\n", "甲府市(こうふし)"),
]


@pytest.mark.parametrize(("raw", "marked", "expected"), SPANS_OF_LINES)
def test_spans_of_lines_are_carried_over(raw, marked, expected):
    start = raw.index(marked)
    assert marked_by(align_lines(raw), start, start + len(marked)) == expected
    kept = Normalization(remove_brackets=True, line_breaks=True).aligned(raw, (start, start + len(marked)))
    assert marked_by(kept, start, start + len(marked)) == expected


@pytest.mark.parametrize(
    ("raw", "separator", "expected"),
    [
        ("梅雨\n [SEP] \r\n梅雨（つゆ）", "<|n|>", "梅雨\n<|n|>\n梅雨"),
        ("梅雨 [SEP] 梅雨（つ\nゆ）は", "\n", "梅雨\n梅雨は"),
        ("（a\r\nb）\r\n\nＡ", "", "a"),
    ],
)
def test_separators_and_brackets_between_lines(raw, separator, expected):
    normalization = Normalization(lowercase=True, remove_brackets=True, separator=separator, line_breaks=True)
    assert normalization(raw) == expected
    assert normalization.aligned(raw).text == expected


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
