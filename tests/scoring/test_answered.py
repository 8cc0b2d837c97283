import json
import math

import pytest

from toi.data.requests import Request, parse_requests
from toi.decoding.jobs import Output, Text
from toi.scoring.answered import Answered, lines_of
from toi.scoring.verdicts import Verdict, verdict
from toi.system.errors import InputError
from toi.text.holders import BannedAnswer

PEACH = Request("桃", "桃")
GOOD = [
    (
        "甲府市\t県庁は甲府市です。\n\n桃\t桃。\r\n",
        True,
        [("f:1", Request("県庁は甲府市です。", "甲府市")), ("f:3", Request("桃。", "桃"))],
    ),
    ("何?\t桃。", False, [("f:1", Request("桃。", question="何?"))]),
    (
        "context\tanswer\toccurrence\n桃と桃\t桃\t2\n桃\t桃\t\n",
        True,
        [("f:2", Request("桃と桃", "桃", occurrence=2)), ("f:3", Request("桃", "桃"))],
    ),
    ('{"context": "桃", "answer": "桃", "id": 7, "title": null}\n', True, [("f:1", Request("桃", "桃", id="7"))]),
    (' {"context": "桃と桃", "answer": "桃", "answer_start": 2}', True, [("f:1", Request("桃と桃", "桃", answer_start=2))]),
]


@pytest.mark.parametrize(("text", "asks", "expected"), GOOD)
def test_requests(text, asks, expected):
    assert parse_requests(text, "f", asks) == expected


@pytest.mark.parametrize(
    ("text", "line_breaks", "expected"),
    [
        ("桃\\n柿\t桃\\n\\t柿\\\\\r\n", True, Request("桃\n\t柿\\", "桃\n柿")),
        ("context\tanswer\n桃\\r\\n柿\t桃\n", True, Request("桃\r\n柿", "桃")),
        ("桃\\n柿\t桃\\n\\d柿\\\\\n", False, Request("桃\\n\\d柿\\\\", "桃\\n柿")),
        ('{"context": "桃\\n\\\\n", "answer": "桃"}', True, Request("桃\n\\n", "桃")),
        ('{"context": "桃\\n\\\\n", "answer": "桃"}', False, Request("桃\n\\n", "桃")),
    ],
)
def test_requests_with_line_breaks(text, line_breaks, expected):
    assert [request for _, request in parse_requests(text, "f", True, line_breaks)] == [expected]


def test_a_bad_escape_of_a_request_is_named():
    with pytest.raises(InputError, match=r"f:2: \\d is no escape"):
        parse_requests("桃\t桃\\\\d\n桃\t\\d桃\n", "f", True, line_breaks=True)


BAD = [
    ("", "f: no requests; expected JSON Lines, or a TSV with answer and context"),
    ("桃\n", "f:1: expected 2 tab-separated fields (answer, context), found 1"),
    ("桃\t桃\n桃\t桃\t桃\n", "f:2: expected 2 tab-separated fields (answer, context), found 3"),
    ("context\tanswer\tpage\n桃\t桃\t1\n", "f:2: unknown field 'page'; fields are id, context, answer"),
    ("context\toccurrence\n桃\tx\n", "f:2: occurrence is not a whole number: 'x'"),
    ("桃\t \n", "f:1: the context is missing"),
    ('{"answer": "桃"}', "f:1: the context is missing"),
    ('{"context": "桃"}\n{"context": 3}', "f:2: context must be a string"),
    ('{"context": "桃", "answer_start": true}', "f:1: answer_start must be a whole number"),
    ('{"context": "桃"}\n{"context"', "f:2: not JSON (Expecting ':' delimiter); expected an object a line"),
    ('{"context": "桃"}\n[]', "f:2: expected an object"),
    ('[{"context": "桃"}]', "f:1: a JSON array; expected JSON Lines, one object a line"),
    ('{"context": "桃\\ud83d"}', "f:1: context holds half a surrogate pair"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_requests_are_named(text, message):
    with pytest.raises(InputError) as error:
        parse_requests(text, "f", True)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "words", "answers", "expected"),
    [
        ("県庁はどこですか?", ["市"], ["甲府市"], Verdict((), False, ())),
        ("甲府　市はどこでしょう?", ["ｺｳﾌ", "市"], ["甲府市"], Verdict(("市",), True, ())),
        ("県庁はどこですか?", ["庁", BannedAnswer("県", ("県庁",))], ["県"], Verdict(("庁",), False, ())),
        ("山梨県の県庁はどこ?", ["x", BannedAnswer("県", ("県庁",))], ["県"], Verdict(("県",), True, ())),
        ("桃の町はどこ?", [], [], Verdict((), None, ("桃", "町"))),
    ],
)
def test_verdicts(text, words, answers, expected):
    context = "山梨県の県庁は甲府市です。"
    assert verdict(text, context, words, [BannedAnswer.of(answer, context) for answer in answers]) == expected


TEXTS = (Text("県庁は\nどこ?", -0.5, -2.0), Text("何\t?", -0.75, -3.0))
ONE = Answered(
    Request("桃", "桃", id="a\tb"), Output("県庁は\nどこ?", -0.5, TEXTS), [Verdict((), False, ()), Verdict((), True, ("何", "x"))]
)
NONE = Answered(Request("桃", question="何?"), Output(None, -math.inf))


@pytest.mark.parametrize(
    ("several", "output_format", "expected"),
    [
        (False, "text", ["県庁は どこ?", "何\t?", ""]),
        (True, "text", ["県庁は どこ?", "何\t?", "", ""]),
        (
            False,
            "tsv",
            [
                "id\toutput\tscore\tlog_prob\tbanned_words\tanswer_leaked\thallucinated",
                "a b\t県庁はどこ?\t-0.500000\t-2.000000\t\tfalse\t",
                "a b\t何?\t-0.750000\t-3.000000\t\ttrue\t何 x",
                "2\t\t\t\t\t\t",
            ],
        ),
    ],
)
def test_lines(several, output_format, expected):
    assert list(lines_of([ONE, NONE], output_format, several)) == expected


LINES = Answered(
    Request("桃", "桃"),
    Output("", -0.5, (Text("県庁は\r\n\n　どこ\\\t?", -0.5, -2.0), Text("何?", -0.5, -2.0))),
    [Verdict((), False, ())] * 2,
)


@pytest.mark.parametrize(
    ("several", "output_format", "expected"),
    [
        (False, "text", [r"県庁は\n\n　どこ\\\t?", "何?"]),
        (True, "text", [r"県庁は\n\n　どこ\\\t?", "何?", ""]),
        (
            False,
            "tsv",
            [
                "id\toutput\tscore\tlog_prob\tbanned_words\tanswer_leaked\thallucinated",
                "1\t" + r"県庁は\n\nどこ\\ ?" + "\t-0.500000\t-2.000000\t\tfalse\t",
                "1\t何?\t-0.500000\t-2.000000\t\tfalse\t",
            ],
        ),
    ],
)
def test_lines_of_outputs_with_line_breaks(several, output_format, expected):
    assert list(lines_of([LINES], output_format, several, line_breaks=True)) == expected


def test_json_lines():
    first, second = map(json.loads, lines_of([ONE, NONE], "json", False))
    assert (first["id"], first["answer"], first["error"], len(first["outputs"])) == ("a\tb", "桃", None, 2)
    assert first["outputs"][1] == {
        "text": "何\t?", "score": -0.75, "log_prob": -3.0, "banned_words": [], "answer_leaked": True, "hallucinated": ["何", "x"],
    }  # fmt: skip
    assert second == {"context": "桃", "question": "何?", "outputs": [], "error": "nothing without a banned word was found"}
