import math

import pytest

from toi.checkpoint import load
from toi.errors import InputError
from toi.examples import Row
from toi.options import DecodingOptions
from toi.prediction import predict, read_predictions, write_predictions


def test_predictions_are_in_order_and_read_as_written(tiny, tmp_path):
    rows = [Row(str(i), "県庁" * (i % 5 + 1), "目標") for i in range(12)]
    options = DecodingOptions(num_beams=2, max_target_length=5)
    predictions = predict(load(str(tiny)), rows, options, 5)
    assert [(p.id, p.source, p.target) for p in predictions] == [tuple(row) for row in rows]
    write_predictions(tmp_path / "o.tsv", predictions)
    assert (tmp_path / "o.tsv").read_text(encoding="utf-8").startswith("qa_id\tinput\ttarget\toutput\tscore\n")
    again = read_predictions(tmp_path / "o.tsv")
    assert [p[:4] for p in again] == [p[:4] for p in predictions]
    assert [p.score for p in again] == pytest.approx([p.score for p in predictions], abs=1e-6)


BAD = [
    ("", "o.tsv:1: expected a header"),
    ("a\tb\tc\n", "o.tsv:1: expected a header with qa_id input target output score"),
    ("qa_id\tinput\ttarget\toutput\tscore\n", "no predictions"),
    ("qa_id\tinput\ttarget\toutput\tscore\n1\t2\t3\n", "o.tsv:2: expected 5 tab-separated fields, found 3"),
    ("qa_id\tinput\ttarget\toutput\tscore\n1\t2\t3\t4\tx\n", "o.tsv:2: the score 'x' is not a number"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_bad_files_are_named(tmp_path, content, message):
    (tmp_path / "o.tsv").write_text(content)
    with pytest.raises(InputError) as error:
        read_predictions(tmp_path / "o.tsv")
    assert message in str(error.value)


def test_scores_may_be_missing_and_columns_elsewhere(tmp_path):
    (tmp_path / "o.tsv").write_text("output\tqa_id\tinput\ttarget\nb\t1\tx\tb\n")
    (found,) = read_predictions(tmp_path / "o.tsv")
    assert found[:4] == ("1", "x", "b", "b")
    assert math.isnan(found.score)
