import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toi.data.examples import Row, read_rows, write_rows
from toi.data.predictions import Prediction, read_predictions, write_predictions
from toi.data.tsv import escape, fields_of, to_line, unescape
from toi.system.errors import InputError

WRITTEN = [
    ("", ""),
    ("そのまま。", "そのまま。"),
    ("一行目\n二行目", r"一行目\n二行目"),
    ("a\tb\r\nc", r"a\tb\r\nc"),
    ("\\", r"\\"),
    (r"\n", r"\\n"),
    ("\\\n", r"\\\n"),
    (r"C:\new\\", r"C:\\new\\\\"),
    ("\u2028\x85\x0b\x0c\x1c", "\u2028\x85\x0b\x0c\x1c"),
]


@pytest.mark.parametrize(("text", "written"), WRITTEN)
def test_texts_are_written(text, written):
    assert escape(text) == written
    assert unescape(written) == text


@pytest.mark.parametrize(
    ("written", "named"), [("\\", "\\"), ("a\\", "\\"), ("\\d", r"\d"), ("\\\\\\", "\\"), ("a\\あ", r"\あ"), ("\\\n", "\\\n")]
)
def test_other_backslashes_are_refused(written, named):
    said = named + r" is no escape; these are \n, \t, \r, and \\ for a backslash"
    with pytest.raises(ValueError, match=re.escape(said)):
        unescape(written)
    with pytest.raises(InputError) as error:
        fields_of(f"1\t{written}\tz", "t.tsv:3", line_breaks=True)
    assert str(error.value) == f"t.tsv:3: {said}"
    assert fields_of(f"1\t{written}\tz", "t.tsv:3", line_breaks=False) == ["1", written, "z"]


# Everything that could end a line or a field, for some reader or other, more often than chance would draw it.
TEXTS = st.text(
    st.one_of(st.sampled_from("\\\n\r\tnrt \x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00\ufeff"), st.characters(codec="utf-8"))
)
FIELDS = TEXTS.filter(str.strip)


@settings(max_examples=600, deadline=None)
@given(st.lists(TEXTS, min_size=1))
@example(["a\r", "b\r"])
def test_any_text_is_read_as_written(texts):
    line = to_line(texts, line_breaks=True)
    assert not set("\n\r") & set(line)
    assert fields_of(line, "f:1", line_breaks=True) == texts
    assert fields_of(line + "\r", "f:1", line_breaks=True) == texts


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.builds(Row, FIELDS, FIELDS, FIELDS), min_size=1, max_size=4), output=TEXTS)
@example(rows=[Row("\ufeffa", "b", "c\r")], output="")
def test_files_are_read_as_written(tmp_path_factory, rows, output):
    folder = tmp_path_factory.getbasetemp()
    rows = [Row("1", *row[1:]) for row in rows]
    write_rows(folder / "t.tsv", rows, line_breaks=True)
    assert read_rows(folder / "t.tsv", line_breaks=True) == rows
    predictions = [Prediction(*row, output, -1.5) for row in rows]
    write_predictions(folder / "o.tsv", predictions, line_breaks=True)
    assert read_predictions(folder / "o.tsv") == predictions


def test_a_bad_escape_is_named_by_its_line(tmp_path):
    (tmp_path / "t.tsv").write_text("1\ta\\nb\tc\n2\ta\\b\tc\n", encoding="utf-8")
    assert read_rows(tmp_path / "t.tsv")[1].source == r"a\b"  # of a task without line breaks
    with pytest.raises(InputError, match=r"t\.tsv:2: \\b is no escape"):
        read_rows(tmp_path / "t.tsv", line_breaks=True)


def test_a_field_of_line_breaks_alone_is_empty(tmp_path):
    (tmp_path / "t.tsv").write_text("1\t\\n\\t\tc\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"t\.tsv:1: the source field is empty"):
        read_rows(tmp_path / "t.tsv", line_breaks=True)
