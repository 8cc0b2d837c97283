"""The real data sets, where `raw/` has them."""

import pytest
from conftest import ROOT

from toi.preparation import Report, make_rows
from toi.squad import find_files, read_squad
from toi.tasks import Task
from toi.text import align, normalize

JAQUAD, JSQUAD = ROOT / "raw" / "jaquad", ROOT / "raw" / "jsquad" / "valid-v1.3.json"
SETS = [(JAQUAD / "dev", 3_939), (JAQUAD / "train", 31_748), (JSQUAD, 4_442)]


@pytest.mark.parametrize(("path", "count"), SETS, ids=["jaquad-dev", "jaquad-train", "jsquad-valid"])
def test_every_answer_is_carried_over(path, count):
    if not path.exists():
        pytest.skip(f"{path} is not there; get it with ./download.sh jsquad jaquad")
    examples = [example for file in find_files(path) for example in read_squad(file)]
    assert len(examples) == count
    aligned = {context: align(context) for context in {example.context for example in examples}}
    for example in examples:
        for answer in example.answers:
            low, high = aligned[example.context].span(answer.start, answer.start + len(answer.text))
            assert aligned[example.context].text[low:high] == normalize(answer.text)
    for name in ("qa", "aqg", "aqg-hl"):
        report = Report()
        rows = make_rows(Task.named(name), examples, "test", report)
        assert len(rows) == count
        assert not report.dropped
        if name == "aqg-hl":
            assert all(row.source.split("<hl>")[1] == normalize(e.answers[0].text) for row, e in rows)
            assert all(row.source.count("<hl>") == 2 for row, _ in rows)
