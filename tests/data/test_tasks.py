import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toi.data.examples import Answer, Example
from toi.data.task_files import keeps_line_breaks, read_task, scored_splits, write_task
from toi.data.tasks import Task
from toi.system.errors import InputError
from toi.text.normalization import Normalization


def example(context="山梨県の県庁所在地は甲府市です。", answer="甲府市", start=None, question="県庁所在地はどこ？"):
    start = context.index(answer) if start is None else start
    return Example("q1", context, question, (Answer(answer, start),), "山梨県")


ROWS = [
    ("qa", example(), "question: 県庁所在地はどこ? context: 山梨県の県庁所在地は甲府市です。", "甲府市"),
    ("aqg", example(), "answer: 甲府市 context: 山梨県の県庁所在地は甲府市です。", "県庁所在地はどこ?"),
    ("aqg-hl", example(), "山梨県の県庁所在地は<hl>甲府市<hl>です。", "県庁所在地はどこ?"),
    ("aqg-hl", example("甲府市の甲府市", start=4), "甲府市の<hl>甲府市<hl>", "県庁所在地はどこ?"),
    ("aqg-hl", example("甲府市\nです"), "<hl>甲府市<hl>です", "県庁所在地はどこ?"),
    ("aqg-hl", example("New  York の橋", "New  York"), "<hl>New York<hl>の橋", "県庁所在地はどこ?"),
    ("aqg-hl", example("ﾊﾞﾅﾅ", "ﾊﾞ"), "<hl>バ<hl>ナナ", "県庁所在地はどこ?"),
    ("aqg-cf", example(), "context: 山梨県の県庁所在地は甲府市です。 answer: 甲府市", "県庁所在地はどこ?"),
]


@pytest.mark.parametrize(("name", "record", "source", "target"), ROWS)
def test_rows(name, record, source, target):
    assert Task.named(name).row(record) == ("q1", source, target)


def test_brackets_go_and_the_answer_stays():
    task = Task.named("aqg-hl", Normalization(remove_brackets=True))
    context = "甲府市（こうふし）は県庁（けんちょう）所在地"
    assert task.source(example(context, "こうふし")) == "甲府市(<hl>こうふし<hl>)は県庁所在地"
    assert task.source(example(context, "甲府市（こうふし）")) == "<hl>甲府市(こうふし)<hl>は県庁所在地"
    assert Task.named("aqg", Normalization(remove_brackets=True)).source(example(context, "（こうふし）")) == (
        "answer: (こうふし) context: 甲府市(こうふし)は県庁所在地"
    )


REFUSED = [
    ("aqg", example(question="　"), "the question is empty"),
    ("aqg-hl", example("山　梨", "　"), "nothing is left"),
    ("aqg-hl", example("<hl>はタグ", "タグ"), "holds <hl> already"),
    ("aqg-hl", Example("1", "文", "問", (Answer("文"),)), "no answer with an offset"),
    ("aqg", Example("1", "文", "問"), "the answer is empty"),
]


@pytest.mark.parametrize(("name", "record", "message"), REFUSED)
def test_records_that_make_no_row(name, record, message):
    with pytest.raises(ValueError, match=message):
        Task.named(name).row(record)


BAD_TEMPLATES = [
    ("文脈: {contxt}", "unknown field {contxt}; fields are id, title, context, question, answer, highlighted"),
    ("{context.x}", "unknown field {context.x}"),
    ("{context!r}", "unknown field"),
    ("{context:>9}", "unknown field"),
    ("{0}", "unknown field {0}"),
    ("{", "template '{'"),
    ("no field", "has no field"),
    ("文脈: {context}\n答え: {answer}", "must not hold a tab or a line break"),
]


@pytest.mark.parametrize(("template", "message"), BAD_TEMPLATES)
def test_bad_templates(template, message):
    with pytest.raises(InputError) as error:
        Task("own", template, "{question}")
    assert message in str(error.value)


def test_own_template():
    task = Task("own", "題: {title} 文脈: {context} {{}}", "{id} {question}")
    assert task.row(example()) == ("q1", "題: 山梨県 文脈: 山梨県の県庁所在地は甲府市です。 {}", "q1 県庁所在地はどこ?")
    assert task.asks
    assert not task.highlights


LINES = Normalization(line_breaks=True)
POEM = example("　題　名 \r\n\r\n  甲府市は\n山梨県の　県庁\r所在地\n", "甲府市", question="どこ？\n\nそれは\t何？\n")
LINE_ROWS = [
    (
        Task.named("qa", LINES), POEM,
        "question: どこ?\n\nそれは何? context: 題名\n\n甲府市は\n山梨県の県庁\n所在地", "甲府市",
    ),
    (Task.named("aqg-hl", LINES), POEM, "題名\n\n<hl>甲府市<hl>は\n山梨県の県庁\n所在地", "どこ?\n\nそれは何?"),
    (
        Task.named("aqg-hl", LINES), example("甲\n府市は\n\n町", "\n府市は\n", question="何？"),
        "甲\n<hl>府市は<hl>\n\n町", "何?",
    ),
    (
        Task.named("aqg", LINES), example("甲\r\n　府　市", "甲\r\n　府", question="何？"),
        "answer: 甲\n府 context: 甲\n府市", "何?",
    ),
    (
        Task("own", "文脈:\n\t{context}\n答え: {answer}\n", "{title}\n{question}", LINES), example("甲府市\nです"),
        "文脈:\n\t甲府市\nです\n答え: 甲府市\n", "山梨県\n県庁所在地はどこ?",
    ),
    (
        Task("own", "{highlighted}", "{answer}", LINES, max_context_length=5), example("県は山梨県\n甲府市。\n町は町", "甲府市"),
        "<hl>甲府市<hl>。", "甲府市",
    ),
    (
        Task("own", "{highlighted}", "{answer}", replace(LINES, lowercase=True, remove_brackets=True)),
        example("Ａ [SEP] Ａ（\nあ\n）は\n橋（はし）（Ｂ）", "（Ｂ）"),
        "a<|n|>aは\n橋<hl>(b)<hl>", "(b)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("task", "record", "source", "target"), LINE_ROWS)
def test_rows_with_line_breaks(task, record, source, target):
    assert task.row(record) == ("q1", source, target)


def test_an_id_has_no_line_breaks():
    assert Task("own", "{id} {context}", "{question}", LINES).row(replace(POEM, id="q\n1"))[:2] == (
        "q 1", "q 1 題名\n\n甲府市は\n山梨県の県庁\n所在地",
    )  # fmt: skip


@given(st.from_regex(r"[0-9A-Za-z.:#_/]+", fullmatch=True))
def test_ids_of_plain_characters_are_normalized_already(id):
    assert Normalization()(id) == id
    assert Task.named("qa").row(replace(example(), id=id)).id == id


def test_only_a_task_with_line_breaks_says_so(tmp_path):
    task = Task("own", "{context}\n\t{answer}", "{question}", LINES)
    assert task.line_breaks
    write_task(tmp_path, task, {})
    assert read_task(tmp_path) == task
    assert keeps_line_breaks(tmp_path)
    assert json.loads((tmp_path / "task.json").read_text())["normalization"] == {
        "lowercase": False, "remove_brackets": False, "separator": "<|n|>", "line_breaks": True,
    }  # fmt: skip
    write_task(tmp_path, Task.named("aqg"), {})
    assert not keeps_line_breaks(tmp_path)
    assert json.loads((tmp_path / "task.json").read_text()) == {
        "task": "aqg",
        "source_template": "answer: {answer} context: {context}",
        "target_template": "{question}",
        "normalization": {"lowercase": False, "remove_brackets": False, "separator": "<|n|>"},
        "max_context_length": None,
        "data": {},
    }
    assert not keeps_line_breaks(tmp_path / "none")


def test_the_separator_travels_with_the_task(tmp_path):
    """A task.json without one is of a task with a line break, which any task may have: it stands in no TSV."""
    assert Task.named("qa").target_separator == "\n"
    for separator in ("\n", "[SEP]", "\n\n### 質問:\n"):
        task = replace(Task.named("aqg"), target_separator=separator)
        write_task(tmp_path, task, {})
        assert read_task(tmp_path) == task
        assert json.loads((tmp_path / "task.json").read_text()).get("target_separator", "\n") == separator
    with pytest.raises(InputError, match="target_separator is empty"):
        replace(task, target_separator="")
    for value, said in (("", "target_separator is empty"), (3, "target_separator is 3")):
        (tmp_path / "task.json").write_text(json.dumps({**task.to_json(), "target_separator": value}))
        with pytest.raises(InputError, match=rf"task\.json: .*{said}"):
            read_task(tmp_path)


def test_json_round_trip(tmp_path):
    task = Task.named("aqg-hl", Normalization(lowercase=True))
    write_task(tmp_path, task, {"name": "x"})
    assert read_task(tmp_path) == task
    assert read_task(tmp_path / "none") is None


@pytest.mark.parametrize("content", ["[]", "{}", '{"task": "qa", "normalization": 3}', "null", '"x"'])
def test_bad_task_json(tmp_path, content):
    (tmp_path / "task.json").write_text(content)
    with pytest.raises(InputError, match=r"task\.json: not a task description"):
        read_task(tmp_path)


def test_unknown_task():
    with pytest.raises(InputError, match="tasks are qa, aqg, aqg-hl"):
        Task.named("hl")


def test_windows_travel_with_the_task(tmp_path):
    task = Task("own", "{context}", "{question}", max_context_length=9)
    write_task(tmp_path, task, {})
    assert read_task(tmp_path) == task
    assert task.source(example("県は山梨県。市は甲府市。町は町。", "甲府市")) == "市は甲府市。"


def test_all_gold_answers():
    record = Example("1", "甲府（こうふ）市", "問", (Answer("甲府", 0), Answer("甲府（こうふ）", 0)))
    assert Task.named("qa", Normalization(remove_brackets=True)).answers(record) == ["甲府", "甲府(こうふ)"]


def test_which_splits_a_model_is_scored_on(tmp_path):
    assert scored_splits(tmp_path) == ("dev", "test")  # without a task.json
    for counts, splits in (
        ({"train": 1, "dev": 1, "test": 1}, ("dev", "test")),
        ({"train": 1, "dev": 1}, ("dev",)),
        ({"test": 1}, ("dev", "test")),
    ):
        write_task(tmp_path, Task.named("qa"), {"counts": counts})
        assert scored_splits(tmp_path) == splits
