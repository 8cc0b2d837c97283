import pytest

from toi.documents.document import Block, Document
from toi.documents.lines import cleaned, columns_joined, joined, paragraphs, without_ruby


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["霧沢一は", "白浜市の医師です。"], "霧沢一は白浜市の医師です。"),
        (["the first", "and the second"], "the first and the second"),
        (["Toi", "とは"], "Toiとは"),
        (["とは", "Toi"], "とはToi"),
        (["a hyphen-", "ated word"], "a hyphenated word"),
        (["2020-", "2021"], "2020- 2021"),
        (["", "  ", "一"], "一"),
        ([], ""),
    ],
)
def test_joined(lines, text):
    assert joined(lines) == text


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("霧沢《きりさわ》は", "霧沢は"),
        ("｜白浜の海《しらはまのうみ》へ", "白浜の海へ"),
        ("題は《夜》である", "題は《夜》である"),  # no reading: nothing that it belongs to
        ("海《Sea》", "海《Sea》"),
    ],
)
def test_ruby(text, without):
    assert without_ruby(text) == without


def test_cleaned():
    assert cleaned("一\r\n二\x00\u200b三︒﹁四﹂\xad\u2028五") == "一\n二三。「四」\n五"


def test_columns_of_vertical_text_become_lines():
    assert columns_joined(["第一章", *"霧沢一は", "二", "三行目"]) == ["第一章", "霧沢一は二", "三行目"]
    assert columns_joined(["一", "二", "三"]) == ["一", "二", "三"]  # too few to be a column


WRAPPED = """第一章　町の暮らし
　霧沢一は白浜市で生まれた医師で、一九八七年にこの町で小さな病院を開
きました。趣味は釣りです。
　翌年には図書館も建てました。今は二つの建物が並んで町の人々を迎えてい
ます。

・病院は朝八時に開く。
・図書館は月曜日に休む。
(1) 昼休みは十二時から一
時まで。
3.14は円周率である。"""


def test_paragraphs_of_a_page_with_broken_lines():
    assert list(paragraphs(WRAPPED.split("\n"), 3)) == [
        Block("第一章　町の暮らし", "heading", 3),
        Block("霧沢一は白浜市で生まれた医師で、一九八七年にこの町で小さな病院を開きました。趣味は釣りです。", "text", 3),
        Block("翌年には図書館も建てました。今は二つの建物が並んで町の人々を迎えています。", "text", 3),
        Block("病院は朝八時に開く。", "list", 3),
        Block("図書館は月曜日に休む。", "list", 3),
        Block("昼休みは十二時から一時まで。3.14は円周率である。", "list", 3),
    ]


def test_one_paragraph_a_line():
    assert [block.text for block in paragraphs(["一行目です。", "二行目です。", "", "三行目です。"])] == [
        "一行目です。二行目です。",
        "三行目です。",
    ]


def test_a_block_knows_its_place():
    document = Document.of("a.txt", [Block("題", "heading"), Block(" \n"), Block("一つ目。"), Block("二つ目。")])
    assert document.text == "題\n\n一つ目。\n\n二つ目。"
    assert [document.text[start:][: len(block.text)] for start, block in zip(document.starts, document.blocks, strict=True)] == [
        block.text for block in document.blocks
    ]
