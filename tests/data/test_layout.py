from dataclasses import replace

import pytest

from toi.data.examples import Answer, Example
from toi.data.layout import Layout
from toi.data.tasks import Task
from toi.data.templates import TEMPLATES

CONTEXT = "県は山梨県。市は甲府市です。町は町。"

# A template, a source of it, the longest context in characters, and the source with no longer one.
WITHIN = [
    (TEMPLATES["aqg-cf"][0], f"context: {CONTEXT} answer: 甲府市", 100, f"context: {CONTEXT} answer: 甲府市"),
    (TEMPLATES["aqg-cf"][0], f"context: {CONTEXT} answer: 甲府市", 14, "context: 県は山梨県。市は甲府市です。 answer: 甲府市"),
    (TEMPLATES["aqg-cf"][0], f"context: {CONTEXT} answer: 甲府市", 10, "context: 市は甲府市です。 answer: 甲府市"),
    (TEMPLATES["aqg-cf"][0], f"context: {CONTEXT} answer: 甲府市", 5, "context: は甲府市で answer: 甲府市"),
    (TEMPLATES["aqg-cf"][0], f"context: {CONTEXT} answer: 甲府市", 0, "context: 甲府市 answer: 甲府市"),  # never cut
    (TEMPLATES["aqg-cf"][0], f"context: {CONTEXT} answer: 静岡", 4, "context: 県は山梨 answer: 静岡"),  # it is not there
    (TEMPLATES["aqg-cf"][0], f"context: {CONTEXT} answer: 静岡", 0, "context:  answer: 静岡"),
    (TEMPLATES["aqg-cf"][0], "context: a answer: b answer: c", 1, "context: a answer: c"),  # the context is the long one
    (TEMPLATES["aqg"][0], f"answer: 甲府市 context: {CONTEXT}", 10, "answer: 甲府市 context: 市は甲府市です。"),
    (TEMPLATES["aqg-hl"][0], "県は山梨県。市は<hl>甲府市<hl>です。町は町。", 10, "市は<hl>甲府市<hl>です。"),
    (TEMPLATES["aqg-hl"][0], "県は<hl>山梨県<hl>。市は甲府市です。", 3, "<hl>山梨県<hl>"),
    (TEMPLATES["aqg-hl"][0], "県は<hl>山梨県。市は甲府市です。", 3, "県は<"),  # a mark alone marks nothing
    (TEMPLATES["qa"][0], f"question: 県は? context: {CONTEXT}", 3, "question: 県は? context: 県は山"),
    (TEMPLATES["qa"][0], "question: a context: b context: cd", 9, "question: a context: b context"),
    ("文脈:\n{context}\n問: {question}", "文脈:\n一行目\n二行目\n問: 何?", 4, "文脈:\n一行目\n\n問: 何?"),
    ("{{{title}}} {answer}/{context}/{answer}", "{題} 市/県は市。町は町。/市", 4, "{題} 市/県は市。/市"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "source", "length", "shorter"), WITHIN)
def test_within(template, source, length, shorter):
    parts = Layout.of(template).parts(source)
    assert parts.within(10**6) == source
    assert parts.within(length) == shorter


@pytest.mark.parametrize(
    ("template", "last"),
    [
        ("{context}", True),
        ("問: {question} 文: {context}", True),
        ("{answer} {highlighted}", True),
        ("{context} {answer}", False),
        ("{context}。", False),
    ],
)
def test_where_the_context_stands(template, last):
    assert Layout.of(template).last is last


@pytest.mark.parametrize("template", ["{question}", "{context} {highlighted}", "{context} {context}", "{answer}{context}"])
def test_templates_whose_context_cannot_be_found(template):
    assert Layout.of(template) is None


def test_sources_of_another_template():
    assert Layout.of(TEMPLATES["aqg-cf"][0]).parts("answer: 甲府市 context: 県") is None


def test_an_instruction_loses_of_its_input():
    example = Example("1", CONTEXT, "要約して。\n\n短く。", (Answer("甲府市"),), extra={"turns": []})
    for said in ([], [["user", "やあ"], ["assistant", "はい"]]):
        source = Task.named("alpaca-ja").source(replace(example, extra={"turns": said}))
        parts = Layout.of(TEMPLATES["alpaca-ja"].source).parts(source)
        assert (parts.context, parts.behind, parts.answer) == (CONTEXT, "\n\n### 応答:", None)
        assert parts.within(5) == source.replace(CONTEXT, CONTEXT[:5])
    assert Layout.of(TEMPLATES["plain"].source) is None  # nothing tells the instruction from the history


@pytest.mark.parametrize("name", ["qa", "aqg", "aqg-hl", "aqg-cf"])
def test_the_parts_of_built_in_tasks_are_their_fields(name):
    example = Example("1", CONTEXT, "市はどこ?", (Answer("甲府市", CONTEXT.index("甲府市")),))
    source = Task.named(name).source(example)
    parts = Layout.of(TEMPLATES[name][0]).parts(source)
    assert parts.context == CONTEXT
    assert (None if name == "qa" else example.answers[0]) == parts.answer
