import pytest

from toi.documents.document import Block, Document
from toi.documents.passages import Left, all_passages, passages_of

BLOCKS = [
    Block("町の暮らし", "heading", 1),
    Block("霧沢一は医師です。趣味は釣りです。", "text", 1),
    Block("毎朝五時に起きます。", "list", 1),
    Block("場所 | 時間", "table", 2),
    Block("病院は朝八時に開きます。", "text", 2),
    Block("海", "heading", 3),
    Block("海は東にあります。1 + 1。", "text", 3),
]
DOCUMENT = Document.of("a.pdf", BLOCKS)


def contexts(longest, kinds=("text", "list"), fits=lambda text: True):
    left = Left()
    found = list(passages_of(DOCUMENT, longest, kinds, fits, left))
    assert all(DOCUMENT.text[passage.start : passage.end] == passage.context for passage in found)
    assert [passage.number for passage in found] == list(range(1, len(found) + 1))
    return [(passage.context, passage.title, passage.page, passage.paragraph) for passage in found], left


@pytest.mark.parametrize(
    ("longest", "expected"),
    [
        (
            100,
            [
                ("霧沢一は医師です。趣味は釣りです。\n\n毎朝五時に起きます。", "町の暮らし", 1, 2),
                ("病院は朝八時に開きます。", "町の暮らし", 2, 5),
                ("海は東にあります。1 + 1。", "海", 3, 7),
            ],
        ),
        (
            17,
            [
                ("霧沢一は医師です。趣味は釣りです。", "町の暮らし", 1, 2),
                ("毎朝五時に起きます。", "町の暮らし", 1, 3),
                ("病院は朝八時に開きます。", "町の暮らし", 2, 5),
                ("海は東にあります。1 + 1。", "海", 3, 7),
            ],
        ),
        (
            1,  # a sentence is never cut; what says nothing is no passage
            [
                ("霧沢一は医師です。", "町の暮らし", 1, 2),
                ("趣味は釣りです。", "町の暮らし", 1, 2),
                ("毎朝五時に起きます。", "町の暮らし", 1, 3),
                ("病院は朝八時に開きます。", "町の暮らし", 2, 5),
                ("海は東にあります。", "海", 3, 7),
            ],
        ),
    ],
)
def test_passages(longest, expected):
    assert contexts(longest) == (expected, Left(1, 0))


def test_kinds_that_are_asked_about():
    found, left = contexts(100, ("text", "list", "table"))
    assert "場所 | 時間" in found[0][0]
    assert left == Left()
    found, left = contexts(100, ("list",))
    assert [context for context, *_ in found] == ["毎朝五時に起きます。"]
    assert left == Left(4, 0)


def test_what_a_model_cannot_read():
    found, left = contexts(100, fits=lambda text: len(text) <= 10)
    assert [context for context, *_ in found] == [
        "霧沢一は医師です。",
        "趣味は釣りです。",
        "毎朝五時に起きます。",
        "海は東にあります。",
    ]
    assert left == Left(1, 1)


def test_all_documents():
    other = Document.of("b.txt", [Block("霧沢二は教師です。")])
    found, left = all_passages([DOCUMENT, other], 100, ("text",), lambda text: True)
    assert [(passage.document, passage.number) for passage in found] == [("a.pdf", 1), ("a.pdf", 2), ("a.pdf", 3), ("b.txt", 1)]
    assert found[-1].place == "b.txt, paragraph 1"
    assert found[0].place == "a.pdf, p. 1, paragraph 2"
    assert left == Left(2, 0)
