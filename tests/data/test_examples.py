import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toi.data.examples import Answer, Example, Row, read_examples, read_rows, split_path, write_examples, write_rows
from toi.system.errors import InputError

BAD_ROWS = [
    (b"a\tb\n", "t.tsv:1: expected 3 tab-separated fields (id, source, target), found 2"),
    (b"a\tb\tc\na\tb\tc\td\n", "t.tsv:2: expected 3 tab-separated fields (id, source, target), found 4"),
    (b"a\tb\tc\n\na\tb\tc\n", "t.tsv:2: expected 3 tab-separated fields (id, source, target), found 1"),
    (b"a\t\tc\n", "t.tsv:1: the source field is empty"),
    (b"a\tb\t \n", "t.tsv:1: the target field is empty"),
    (b"\tb\tc\n", "t.tsv:1: the id field is empty"),
    (b"id\tsource\ttarget\na\tb\tc\n", "t.tsv:1: a header; these files have none"),
    (b"", "t.tsv: no rows"),
    (b"a\tb\tc\na\t\xe3\x81\tc\n", "t.tsv:2: not UTF-8 (byte 0xe3)"),
    ("a\tb\tc\n".encode("utf-16"), "t.tsv:1: not UTF-8 (byte 0xff)"),
]


@pytest.mark.parametrize(("content", "message"), BAD_ROWS)
def test_bad_rows_are_named(tmp_path, content, message):
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_rows(path)
    assert message in str(error.value)


def test_rows_are_read_as_written(tmp_path):
    rows = [Row("1", '"引用" と \'も', "そのまま"), Row("2", "#で始まる", '"'), Row("3", "a,b", "NA")]
    write_rows(tmp_path / "t.tsv", rows)
    assert read_rows(tmp_path / "t.tsv") == rows


def test_crlf_and_byte_order_mark_and_no_last_newline(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"\xef\xbb\xbfa\tb\tc\r\nd\te\tf")
    assert read_rows(tmp_path / "t.tsv") == [Row("a", "b", "c"), Row("d", "e", "f")]


def test_rows_without_targets(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes(b"a\tb\nc\td\t\ne\tf\tg\n")
    assert read_rows(path, targets=False) == [Row("a", "b", ""), Row("c", "d", ""), Row("e", "f", "g")]
    for content, message in (
        (b"a\n", "t.tsv:1: expected 2 or 3 tab-separated fields (id, source and, if there is one, target), found 1"),
        (b"a\tb\tc\td\n", "t.tsv:1: expected 2 or 3 tab-separated fields"),
        (b"a\tb\na\t \n", "t.tsv:2: the source field is empty"),
        (b"a\tb\n\tb\n", "t.tsv:2: the id field is empty"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            read_rows(path, targets=False)
        assert message in str(error.value)


@pytest.mark.parametrize("bad", ["x\ty", "x\ny", "x\u2028y", "x\x85y"])
def test_a_field_that_would_break_the_line_is_not_written(tmp_path, bad):
    with pytest.raises(ValueError, match="tab or a line break"):
        write_rows(tmp_path / "t.tsv", [Row("1", bad, "z")])
    assert not list(tmp_path.iterdir())


def test_examples_are_read_as_written(tmp_path):
    examples = [
        Example("1", "文脈\n二行", "問い", (Answer("文脈", 0), Answer("二行", 3)), "題", {"question_type": "Logical"}),
        Example("2", "\ud800", "", (Answer("x"),)),
        Example("3", "\u2028", ""),
    ]
    write_examples(tmp_path / "e.jsonl", examples)
    assert read_examples(tmp_path / "e.jsonl") == examples


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "1"}', '{"id": 1, "answers": [3]}', "null"])
def test_bad_examples_are_named(tmp_path, line):
    (tmp_path / "e.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=r"e\.jsonl:1: not an example"):
        read_examples(tmp_path / "e.jsonl")


def test_missing_folder_and_split(tmp_path):
    with pytest.raises(InputError, match="no such data folder"):
        split_path(tmp_path / "none", "dev")
    with pytest.raises(InputError, match=r"dev\.tsv: no such file"):
        split_path(tmp_path, "dev")


TEXTS = st.text(st.characters(exclude_categories=[]))  # halves of surrogate pairs and control characters too
OTHERS = TEXTS | st.none() | st.booleans() | st.lists(st.lists(TEXTS)) | st.floats(allow_nan=False)


@given(
    TEXTS, TEXTS, TEXTS, TEXTS, st.lists(st.builds(Answer, TEXTS, st.none() | st.integers(0))),
    st.dictionaries(TEXTS.filter(lambda name: name not in Example("", "").to_json()), OTHERS),
)  # fmt: skip
def test_a_line_is_what_json_writes(id, context, question, title, answers, extra):
    example = Example(id, context, question, tuple(answers), title, extra)
    assert example.to_line() == json.dumps(example.to_json(), ensure_ascii=False)
