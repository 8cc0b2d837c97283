import json

import pytest

from toi.data.audit import Audit, _percentile
from toi.data.examples import Answer, Example, Row


def rows(*texts):
    return [(Row(t, t, "問"), Example(t, t, f"問{t}", (Answer(t, 0),))) for t in texts]


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([1], 50, 1), ([1, 2], 50, 1), ([1, 2, 3], 50, 2), (range(1, 101), 95, 95), (range(1, 101), 99, 99), ([5, 1], 100, 5)],
)
def test_percentiles_are_values_that_occur(values, percent, expected):
    assert _percentile(list(values), percent) == expected


def test_an_audit(tmp_path):
    audit = Audit()
    audit.read.update(train=4, dev=1, test=2)
    audit.kept.update(train=3, dev=1, test=2)
    audit.drop("train", "no answer", "x")
    audit.doubt("test", "only in the title", "乙")
    audit.look_at({"train": rows("甲", "乙丙", "丁"), "dev": rows("戊"), "test": rows("乙丙", "己")}, None, 512, 64)
    assert audit.shared["test rows with a context of train"] == 1
    assert audit.shared["test rows with a question of train"] == 1
    assert audit.shared["dev rows with a context of train"] == 0
    assert audit.reasons("train") == "no answer (1)"
    table = audit.table().splitlines()
    assert table[0].split() == ["train", "dev", "test"]
    assert table[1].split() == ["questions", "read", "4", "1", "2"]
    assert table[3].split() == ["dropped:", "no", "answer", "1", "0", "0"]
    assert table[4].split() == ["ambiguous:", "only", "in", "the", "title", "0", "0", "1"]
    audit.write(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["dropped"] == [{"split": "train", "reason": "no answer", "id": "x"}]
    assert report["ambiguous"] == [{"split": "test", "why": "only in the title", "id": "乙"}]
    assert report["lengths"]["source characters"]["train"] == {"min": 1, "median": 1, "mean": 1.33, "p95": 2, "p99": 2, "max": 2}
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_is_the_same_every_time(tmp_path):
    audit = Audit()
    audit.look_at({"train": rows("甲"), "dev": rows("戊"), "test": rows("己")}, None, 512, 64)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        audit.write(tmp_path / name)
    assert (tmp_path / "a" / "report.png").read_bytes() == (tmp_path / "b" / "report.png").read_bytes()
