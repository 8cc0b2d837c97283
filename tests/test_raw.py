"""The real data sets, where `raw/` has them."""

from collections import Counter

import pytest
from conftest import ROOT

from toi.data.audit import Audit
from toi.data.folder import make_rows
from toi.data.squad import into_body, read_squad
from toi.data.tasks import Task
from toi.system.files import find_files
from toi.text.normalization import Normalization, align, normalize

JAQUAD, JSQUAD = ROOT / "raw" / "jaquad", ROOT / "raw" / "jsquad" / "valid-v1.3.json"
SETS = [(JAQUAD / "dev", 3_939), (JAQUAD / "train", 31_748), (JSQUAD, 4_442)]


@pytest.mark.parametrize(("path", "count"), SETS, ids=["jaquad-dev", "jaquad-train", "jsquad-valid"])
def test_every_answer_is_carried_over(path, count):
    if not path.exists():
        pytest.skip(f"{path} is not there; get it with ./download.sh jsquad jaquad")
    examples = [example for file in find_files(path, (".json",), "") for example in read_squad(file)]
    assert len(examples) == count
    aligned = {context: align(context) for context in {example.context for example in examples}}
    for example in examples:
        for answer in example.answers:
            low, high = aligned[example.context].span(answer.start, answer.start + len(answer.text))
            assert aligned[example.context].text[low:high] == normalize(answer.text)
    audit = Audit()
    placed = [into_body(example, "test", audit) for example in examples]
    for name in ("qa", "aqg", "aqg-hl"):
        audit = Audit()
        rows = make_rows(Task.named(name), placed, "test", audit)
        assert {reason for _, reason, _ in audit.dropped} <= {"duplicate of another row"}
        assert len(rows) + len(audit.dropped) == count
    for row, example in rows:
        answer = example.answers[0]
        before, marked, _ = row.source.split("<hl>")  # exactly one pair
        assert marked == normalize(answer.text)
        low, _ = Normalization().aligned(example.context).span(answer.start, answer.start + len(answer.text))
        assert len(before) == low


def test_jsquad_answers_are_moved_into_the_body():
    """469 answers of JSQuAD's dev questions are annotated in the title (FIELD.md)."""
    if not JSQUAD.exists():
        pytest.skip(f"{JSQUAD} is not there; get it with ./download.sh jsquad")
    audit = Audit()
    examples = read_squad(JSQUAD)
    placed = [into_body(example, "test", audit) for example in examples]
    in_title = [e for e in examples if e.answers[0].start < e.context.index("[SEP]")]
    moved = [e for e in placed if "annotated_start" in e.extra]
    doubts = Counter(why for _, why, _ in audit.ambiguous)
    assert len(in_title) == 469
    assert len(moved) + doubts["only in the title"] == 469
    assert all(e.answers[0].start > e.context.index("[SEP]") for e in moved)
    assert all(e.context[(a := e.answers[0]).start : a.start + len(a.text)] == a.text for e in placed)
