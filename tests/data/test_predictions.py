import pytest

from toi.data.predictions import Prediction, read_predictions, write_predictions
from toi.system.errors import InputError

HEAD = "qa_id\tinput\ttarget\toutput\tscore"
TWO_LINES = [Prediction("1", "a\nb", "\\", "c\td", -0.5)]
PLAIN = [Prediction("1", r"a\nb", "\\", r"\d", -0.5)]


def test_a_file_says_itself_how_it_writes_line_breaks(tmp_path):
    path = tmp_path / "o.tsv"
    write_predictions(path, TWO_LINES, line_breaks=True)
    assert (
        path.read_bytes()
        == (HEAD + "\tline_breaks\n" + r"1" + "\t" + "\t".join([r"a\nb", r"\\", r"c\td", "-0.500000", r"\n"]) + "\n").encode()
    )
    assert read_predictions(path) == TWO_LINES
    write_predictions(path, PLAIN)  # a task without line breaks: a backslash is a backslash
    assert path.read_bytes() == (HEAD + "\n" + "\t".join(["1", r"a\nb", "\\", r"\d", "-0.500000"]) + "\n").encode()
    assert read_predictions(path) == PLAIN


COLUMNS = [
    # header, line, (source, output)
    ("line_breaks\tqa_id\tinput\ttarget\toutput", "\\n\t1\ta\\nb\tx\tc\\\\", ("a\nb", "c\\")),
    ("line_breaks\tqa_id\tinput\ttarget\toutput", "2\t1\ta\\nb\tx\tc\\\\", (r"a\nb", r"c\\")),  # somebody else's column
    ("qa_id\tinput\ttarget\toutput\tline_breaks", "1\ta\\nb\tx\tc\t\\n\r", ("a\nb", "c")),
    ("qa_id\tinput\ttarget\toutput", "1\ta\\nb\tx\tc\\", (r"a\nb", "c\\")),
]


@pytest.mark.parametrize(("header", "line", "expected"), COLUMNS)
def test_columns(tmp_path, header, line, expected):
    (tmp_path / "o.tsv").write_text(f"{header}\n{line}\n", encoding="utf-8", newline="")
    (found,) = read_predictions(tmp_path / "o.tsv")
    assert (found.source, found.output) == expected


def test_a_bad_escape_is_named_by_its_line(tmp_path):
    (tmp_path / "o.tsv").write_text(f"{HEAD}\tline_breaks\n1\ta\tb\tc\\\t0\t\\n\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"o\.tsv:2: \\ is no escape"):
        read_predictions(tmp_path / "o.tsv")
