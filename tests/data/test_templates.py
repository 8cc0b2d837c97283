"""The published templates of instructions, as literals."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toi.data.examples import Answer, Example, Row, read_examples, read_rows, write_examples, write_rows
from toi.data.task_files import read_task, write_task
from toi.data.tasks import INSTRUCTIONS, Task, right_targets
from toi.data.templates import INSTRUCTION_TEMPLATES, without_labels
from toi.system.errors import InputError
from toi.text.normalization import Normalization

ALPACA = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\nTranslate.\n\n### Input:\n橋\n\n### Response:"
)
ALPACA_WITHOUT = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\nTranslate.\n\n### Response:"
)
ALPACA_JA = (
    "以下は、タスクを説明する指示と、文脈のある入力の組み合わせです。要求を適切に満たす応答を書きなさい。\n\n"
    "### 指示:\nTranslate.\n\n### 入力:\n橋\n\n### 応答:"
)
ALPACA_JA_WITHOUT = "以下は、タスクを説明する指示です。要求を適切に満たす応答を書きなさい。\n\n### 指示:\nTranslate.\n\n### 応答:"
TURNS = [["user", "やあ"], ["assistant", "はい\n何か"], ["user", "次は？"], ["assistant", "これ"]]


def instruction(text="Translate.", input_="", response="bridge", **extra):
    return Example("a.csv:2", input_, text, (Answer(response),), extra=extra)


RENDERED = [
    ("alpaca", "橋", ALPACA),
    ("alpaca", "", ALPACA_WITHOUT),
    ("alpaca", " \n", ALPACA_WITHOUT),
    ("alpaca-ja", "橋", ALPACA_JA),
    ("alpaca-ja", "", ALPACA_JA_WITHOUT),
    ("plain", "橋", "Translate.\n橋"),
    ("plain", "", "Translate."),
]


@pytest.mark.parametrize(("name", "input_", "source"), RENDERED)
def test_the_published_templates(name, input_, source):
    task = Task.named(name)
    assert task.row(instruction(input_=input_)) == ("a.csv:2", source, "bridge")
    assert task.target_separator == "\n"  # as alpaca-lora and the Japanese models have it before the response
    assert task.instructs
    assert not task.asks


CONVERSATIONS = [
    (
        "alpaca-ja",
        "以下は、タスクを説明する指示です。要求を適切に満たす応答を書きなさい。\n\n### 指示:\nやあ\n\n### 応答:\nはい\n何か\n\n"
        "### 指示:\n次は？\n\n### 応答:\nこれ\n\n### 指示:\n終わり\n\n### 応答:",
    ),
    ("plain", "やあ\nはい\n何か\n\n次は？\nこれ\n\n終わり"),
]


@pytest.mark.parametrize(("name", "source"), CONVERSATIONS)
def test_earlier_turns_are_said_as_the_template_has_them(name, source):
    """The source of a turn, the separator and its response begin the source of the next one."""
    task = Task.named(name)
    turns = [instruction("やあ"), instruction("次は？", turns=TURNS[:2]), instruction("終わり", turns=TURNS)]
    sources = [task.source(turn) for turn in turns]
    assert sources[2] == source
    assert sources[1].startswith(sources[0] + "\nはい\n何か\n\n")
    assert sources[2].startswith(sources[1] + "\nこれ\n\n")


def test_a_template_of_ones_own():
    task = Task("own", "{system}\n{history}問: {instruction}", "{response}", INSTRUCTIONS, target_separator="\n答: ")
    said = instruction("次は？", system="短く。", turns=TURNS[:2])
    assert task.source(said) == "短く。\n問: やあ\n答: はい\n何か\n\n問: 次は？"
    assert task.fields == {"system", "history", "instruction"}
    with pytest.raises(ValueError, match=r"^the system is empty$"):
        task.source(instruction())
    with pytest.raises(ValueError, match=r"^the input is empty$"):
        Task("own", "{instruction} {input}", "{response}", INSTRUCTIONS).source(instruction())
    with pytest.raises(ValueError, match=r"^the response is empty after normalization$"):
        Task("own", "{instruction}", "{response}").target(instruction(response="\u3000"))
    with pytest.raises(ValueError, match=r"^the response is empty$"):
        Task.named("plain").target(replace(instruction(), answers=()))


BAD = [
    (("{history}", "{response}", INSTRUCTIONS), "{history} stands once, and before {instruction}"),
    (("{instruction} {history}", "{response}", INSTRUCTIONS), "{history} stands once, and before {instruction}"),
    (("{history}{history}{instruction}", "{response}", INSTRUCTIONS), "{history} stands once"),
    (("{history}{instruction}", "{response}", Normalization()), "holds line breaks, which this task does not keep"),
    (("{instruction}\n", "{response}", Normalization()), "must not hold a tab or a line break"),
    (("{instruction}", "{response}", Normalization(method="none")), "normalization none keeps line breaks"),
    (("{highlighted}", "{question}", Normalization(method="nfkc", line_breaks=True)), "normalization nfkc does not go with <hl>"),
    (("{instrution}", "{response}", INSTRUCTIONS), "unknown field {instrution}; fields are id, title, context"),
    (("", "{response}", INSTRUCTIONS), "has no field"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD)
def test_templates_that_no_task_has(arguments, said):
    with pytest.raises(InputError) as error:
        Task("own", *arguments)
    assert said in str(error.value)


def test_both_templates_have_a_history_or_neither():
    with pytest.raises(InputError, match="must both have"):
        Task("own", "{history}{instruction} {input}", "{response}", INSTRUCTIONS, source_template_without_input="{instruction}")
    with pytest.raises(InputError, match="has no field"):
        Task("own", "{instruction} {input}", "{response}", INSTRUCTIONS, source_template_without_input="x")


TEXT = "\tＡ　[SEP] ｱ\r\n〜ー（よ）\r\n\n b "
NORMALIZED = [
    (Normalization(line_breaks=True, method="none"), "\tＡ　[SEP] ｱ\n〜ー（よ）\n\n b "),
    (Normalization(line_breaks=True, method="nfkc"), "\tA [SEP] ア\n〜ー(よ)\n\n b "),
    (Normalization(line_breaks=True), "A<|n|>ア\n~ー(よ)\n\nb"),
    (Normalization(line_breaks=True, method="nfkc", lowercase=True, remove_brackets=True), "\ta [sep] ア\n〜ー\n\n b "),
    (Normalization(line_breaks=True, method="none", remove_brackets=True), "\tＡ　[SEP] ｱ\n〜ー\n\n b "),
]


@pytest.mark.parametrize(("normalization", "expected"), NORMALIZED)
def test_normalization_is_a_choice(normalization, expected):
    assert normalization(TEXT) == expected
    assert Task("own", "{context}", "{response}", normalization).source(Example("1", TEXT)) == expected


@pytest.mark.parametrize("name", INSTRUCTION_TEMPLATES)
def test_all_of_it_travels_with_the_task(name, tmp_path):
    task = Task.named(name)
    write_task(tmp_path, task, {})
    assert read_task(tmp_path) == task
    about = json.loads((tmp_path / "task.json").read_text())
    assert about["source_template_without_input"] == INSTRUCTION_TEMPLATES[name].source_without_input
    assert about["normalization"]["method"] == "none"
    for broken, said in (
        ({"source_template_without_input": 3}, "source_template_without_input is 3"),
        ({"normalization": {**about["normalization"], "method": "some"}}, "method is 'some'"),
        ({"normalization": {**about["normalization"], "method": 1}}, "method is 1"),
    ):
        (tmp_path / "task.json").write_text(json.dumps({**about, **broken}))
        with pytest.raises(InputError, match=said):
            read_task(tmp_path)


def test_the_right_targets_are_the_response_as_it_is():
    task = Task.named("alpaca-ja")
    assert right_targets(task, instruction(response="ＡＢ（よ）\n\tc ")) == ["ＡＢ（よ）\n\tc "]


def test_the_words_of_templates_are_not_those_of_the_user():
    """What a model says of its own is compared with what it was given (toi/scoring/hallucination.py)."""
    for name in ("alpaca", "alpaca-ja"):
        assert without_labels(Task.named(name).source(instruction("訳して", "橋"))) == "訳して\n\n橋\n\n"
        assert without_labels(Task.named(name).source(instruction("訳して"))) == "訳して\n\n"


# Everything that could end a line or a field, for some reader or other, more often than chance would draw it.
TEXTS = st.text(
    st.one_of(st.sampled_from("\\\n\r\tnrt \x0b\x0c\x1c\x85\u2028\u2029\x00\ufeff{}🍣"), st.characters(codec="utf-8"))
).filter(str.strip)
SAID = st.lists(TEXTS, max_size=3).map(lambda texts: [[role, text] for text in texts for role in ("user", "assistant")])


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS | st.just(""), TEXTS, SAID, st.sampled_from(list(INSTRUCTION_TEMPLATES)))
@example("\\", "\r\n", "あ" * 100_000, [["user", "\\n"], ["assistant", "\x00"]], "alpaca")
def test_examples_become_lines_and_rows_again(tmp_path_factory, text, input_, response, said, name):
    folder = tmp_path_factory.getbasetemp()
    task, one = Task.named(name), instruction(text, input_, response, **({"turns": said} if said else {}))
    row = task.row(one)
    write_rows(folder / "i.tsv", [row], line_breaks=True)
    assert (folder / "i.tsv").read_bytes().count(b"\n") == 1
    assert read_rows(folder / "i.tsv", line_breaks=True) == [row]
    assert row == Row("a.csv:2", task.source(one), response.replace("\r\n", "\n").replace("\r", "\n"))
    for kept in (text, input_ if input_.strip() else "", *(text for _, text in said)):
        assert kept.replace("\r\n", "\n").replace("\r", "\n") in row.source
    write_examples(folder / "i.jsonl", [one])
    assert read_examples(folder / "i.jsonl") == [one]
