from dataclasses import replace

import pytest

from toi.data.examples import Answer, Example
from toi.data.extraction import answers_in, extraction_examples, pairs_in
from toi.data.tasks import Task, right_targets
from toi.data.templates import TEMPLATES

CONTEXT = "霧沢一は医師です。趣味は釣りです。"


def asked(id, question, answer, context=CONTEXT):
    return Example(id, context, question, (Answer(answer, context.index(answer)),) if answer else (), "町")


EXAMPLES = [
    asked("q2", "霧沢一の職業は何ですか?", "医師"),
    asked("q1", "医師は誰ですか?", "霧沢一"),
    asked("q3", "職業は?", "医師"),
    asked("q4", "趣味は?", "釣り"),
    asked("q5", "答えは?", ""),
    asked("q6", "何ですか?", "医師です。趣味"),  # across two sentences
    asked("r1", "特産品は?", "桃", "特産品は桃です。名物はない。"),
]


def rows(task):
    return [(row.id, row.source, row.target) for row in map(Task.named(task).row, extraction_examples(EXAMPLES, task))]


def test_answer_extraction():
    assert rows("ae") == [
        ("q1-ae0", "<hl>霧沢一は医師です。<hl>趣味は釣りです。", "霧沢一 | 医師"),
        ("q1-ae1", "霧沢一は医師です。<hl>趣味は釣りです。<hl>", "釣り"),
        ("r1-ae0", "<hl>特産品は桃です。<hl>名物はない。", "桃"),
    ]


def test_end_to_end():
    first, second = rows("qag")
    assert first[:2] == ("q1-qag", f"context: {CONTEXT}")
    assert first[2].startswith("question: 医師は誰ですか? answer: 霧沢一 | question: 霧沢一の職業は何ですか? answer: 医師 | ")
    assert second == ("r1-qag", "context: 特産品は桃です。名物はない。", "question: 特産品は? answer: 桃")
    assert ("霧沢一の職業は何ですか?", "医師") in pairs_in(first[2])


@pytest.mark.parametrize(
    ("longest", "expected"),
    [
        (None, [("q1-qag", CONTEXT, ["霧沢一", "医師", "医師", "釣り"])]),
        (17, [("q1-qag", CONTEXT, ["霧沢一", "医師", "医師", "釣り"])]),
        (16, [("q1-qag", "霧沢一は医師です。", ["霧沢一", "医師", "医師"]), ("q1-qag1", "趣味は釣りです。", ["釣り"])]),
        (3, [("q1-qag", "霧沢一", ["霧沢一"]), ("q1-qag1", "は医師", ["医師", "医師"]), ("q1-qag2", "は釣り", ["釣り"])]),
    ],
)
def test_pairs_of_long_contexts_stand_in_what_is_left(longest, expected):
    found = list(extraction_examples(EXAMPLES[:5], "qag", longest))
    assert [(one.id, one.context, [answer for _, answer in one.extra["pairs"]]) for one in found] == expected
    task = replace(Task.named("qag"), max_context_length=longest)
    assert [task.source(one) for one in found] == [f"context: {context}" for _, context, _ in expected]


def test_the_separator_is_in_no_answer():
    context = "A｜Bは記号です。"
    assert list(extraction_examples([asked("q", "何?", "A｜B", context)], "ae")) == []


@pytest.mark.parametrize(
    ("output", "answers"), [("霧沢一 | 医師", ["霧沢一", "医師"]), ("医師 |医師| ", ["医師"]), ("", []), ("|", []), ("桃", ["桃"])]
)
def test_answers_of_an_output(output, answers):
    assert answers_in(output) == answers


@pytest.mark.parametrize(
    ("output", "pairs"),
    [
        ("question: 何? answer: 桃", [("何?", "桃")]),
        ("question: 何? answer: 桃 | question: 誰?", [("何?", "桃")]),
        ("question:  answer: 桃", []),
        ("桃", []),
        ("question: 何? answer:", []),
    ],
)
def test_pairs_of_an_output(output, pairs):
    assert pairs_in(output) == pairs


def test_tasks():
    for name in ("ae", "qag"):
        task = Task.named(name)
        assert task.extracts
        assert not task.asks
        assert Task.from_json(task.to_json(), "task.json") == task
        example = next(extraction_examples(EXAMPLES, name))
        assert right_targets(task, example) == [task.target(example)]  # not the sentence that is highlighted
    assert not any(Task.named(name).extracts for name in TEMPLATES if name not in ("ae", "qag"))
