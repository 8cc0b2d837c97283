import pytest

from toi.data.columns import Chooser, Columns, folded, known, role_of, text_of
from toi.system.errors import InputError


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("instruction", "instruction"),
        ("Instruction", "instruction"),
        ("ＰＲＯＭＰＴ", "instruction"),
        (" question ", "instruction"),
        ("指示", "instruction"),
        ("質問", "instruction"),
        ("質 問", "instruction"),
        ("ﾌﾟﾛﾝﾌﾟﾄ", "instruction"),
        ("input", "input"),
        ("入力", "input"),
        ("output", "response"),
        ("Completion", "response"),
        ("response", "response"),
        ("answer", "response"),
        ("出力", "response"),
        ("回答", "response"),
        ("答え", "response"),
        ("system", "system"),
        ("System Prompt", "system"),
        ("system-prompt", "system"),
        ("messages", "conversation"),
        ("conversations", "conversation"),
        ("\ufeffinstruction", "instruction"),
        ("category", None),
        ("answers", None),
        ("", None),
    ],
)
def test_usual_names(name, role):
    assert role_of(name) == role


def test_known_counts_the_usual_names():
    assert known(["質問", "答え", "備考", ""]) == 2


def test_folded():
    assert folded("Ｓｙｓｔｅｍ＿Prompt\u3000") == "systemprompt"


CHOSEN = [
    (["instruction", "input", "output"], {}, Columns("instruction", "input", "output")),
    (["instruction", "context", "response", "category"], {}, Columns("instruction", "context", "response")),
    (["input", "output"], {}, Columns("input", None, "output")),
    (["入力", "出力", "システム"], {}, Columns("入力", None, "出力", "システム")),
    (["id", "質問", "回答"], {}, Columns("質問", None, "回答")),
    (["Prompt", "Completion", "system"], {}, Columns("Prompt", None, "Completion", "system")),
    (["messages"], {}, Columns(conversation="messages")),
    (["id", "conversations", "system"], {}, Columns(system="system", conversation="conversations")),
    (["prompt", "prompt_id", "messages"], {}, Columns(conversation="messages")),
    (["messages", "prompt", "output"], {"instruction": "prompt", "response": "output"}, Columns("prompt", None, "output")),
    (["q1", "a1"], {"instruction": "q1", "response": "a1"}, Columns("q1", None, "a1")),
    (["Ｑ１", "a1"], {"instruction": "q1", "response": "A1"}, Columns("Ｑ１", None, "a1")),
    (["question", "answer", "解説"], {"response": "解説"}, Columns("question", None, "解説")),
    (["instruction", "response"], {"instruction": "2", "response": "1"}, Columns("response", None, "instruction")),
    (["1", "2", "3"], {"instruction": "3", "response": "1"}, Columns("3", None, "1")),
    (["質問", "回答", "回答2", "メモ"], {"input": "メモ"}, Columns("質問", "メモ", "回答")),
    (["prompt", "question", "answer"], {"instruction": "question"}, Columns("question", None, "answer")),
]


@pytest.mark.parametrize(("names", "given", "columns"), CHOSEN)
def test_columns_are_found(names, given, columns):
    assert Chooser(given)(names, "t.csv:1") == columns


REFUSED = [
    (
        ["こんにちは", "元気?"],
        {},
        "no column for the instruction: the columns are 'こんにちは', '元気?'; name it with --prompt_column",
    ),
    (
        [name.encode().decode("cp932", errors="replace") for name in ("指示", "出力")],
        {},
        "no column for the instruction: the columns are '謖\ufffd遉ｺ', '蜃ｺ蜉\ufffd'; "
        "garbled: UTF-8 was opened as another encoding and saved; save it anew from the original",
    ),
    (["質問", "メモ"], {}, "no column for the response: the columns are '質問', 'メモ'; name it with --response_column"),
    (
        ["prompt", "chosen", "rejected"],
        {},
        "no column for the response: the columns are 'prompt', 'chosen', 'rejected'; name it with --response_column",
    ),
    ([], {}, "no column for the instruction: there are no columns; name it with --prompt_column"),
    (["input", "入力", "output"], {}, "the columns 'input' and '入力' may each be the instruction; choose with --prompt_column"),
    (
        ["question", "prompt", "output"],
        {},
        "the columns 'question' and 'prompt' may each be the instruction; choose with --prompt_column",
    ),
    (
        ["question", "answer", "output"],
        {},
        "the columns 'answer' and 'output' may each be the response; choose with --response_column",
    ),
    (
        ["question", "input", "context", "output"],
        {},
        "the columns 'input' and 'context' may each be the input; choose with --input_column",
    ),
    (
        ["question", "answer", "system", "システム"],
        {},
        "the columns 'system' and 'システム' may each be the system; choose with --system_column",
    ),
    (["messages", "conversations"], {}, "the columns 'messages' and 'conversations' may each be the conversation; remove one"),
    (
        ["Output", "output", "question"],
        {},
        "the columns 'Output' and 'output' may each be the response; choose with --response_column",
    ),
    (["質問", "答え"], {"instruction": "質問文"}, "no column '質問文' (--prompt_column): the columns are '質問', '答え'"),
    (["質問", "答え"], {"response": "3"}, "no column '3' (--response_column): the columns are '質問', '答え'"),
    (["質問", "答え"], {"system": "0"}, "no column '0' (--system_column): the columns are '質問', '答え'"),
    (
        ["質問", "答え"],
        {"instruction": "答え", "response": "答え"},
        "the column '答え' is given for two things; the columns are '質問', '答え'",
    ),
    (
        ["messages", "instruction", "output"],
        {},
        "both a conversation and single instructions; give --prompt_column and --response_column for the latter, or remove them;"
        " the columns are 'messages', 'instruction', 'output'",
    ),
    (
        [str(i) for i in range(20, 40)],
        {},
        f"no column for the instruction: the columns are {str([str(i) for i in range(20, 32)])[1:-1]} …;"
        " name it with --prompt_column",
    ),
]


@pytest.mark.parametrize(("names", "given", "message"), REFUSED)
def test_what_is_not_certain_is_refused(names, given, message):
    with pytest.raises(InputError) as error:
        Chooser(given)(names, "t.csv:1")
    assert str(error.value) == f"t.csv:1: {message}"


@pytest.mark.parametrize("given", [{}, {"instruction": "質問"}])
def test_a_missing_header_is_said_of_spreadsheets(given):
    with pytest.raises(InputError) as error:
        Chooser(given, spreadsheet=True)(["こんにちは", "元気?"], "t.csv:1")
    assert str(error.value).endswith("; if the first row is no header, give --no_header")


def test_records_may_have_different_columns():
    choose = Chooser({"system": "persona"})
    assert choose(["persona", "question", "answer"], "f:1") == Columns("question", None, "answer", "persona")
    assert choose(["question", "input", "answer"], "f:2") == Columns("question", "input", "answer")
    with pytest.raises(InputError, match=r"^f:3: no column for the response"):
        choose(["question"], "f:3")
    with pytest.raises(InputError, match=r"^f:1: no column 'persona'"):
        Chooser({"system": "persona"})(["question", "answer"], "f:1")


def test_what_was_taken_for_what_is_said():
    assert str(Columns("質問", None, "答え")) == "instruction = '質問', response = '答え'"


@pytest.mark.parametrize(("values", "text"), [({"a": "い\n"}, "い\n"), ({"a": ""}, ""), ({"a": None}, ""), ({"b": "い"}, "")])
def test_texts_of_columns(values, text):
    assert text_of(values, "a", "f:1") == text
    assert text_of(values, None, "f:1") == ""


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (3, "a whole number"),
        (["い"], "a list"),
        ({"b": 1}, "an object"),
        (True, "true or false"),
        (b"x", "bytes"),
        (1.5, "a number"),
    ],
)
def test_columns_without_texts(value, found):
    with pytest.raises(InputError) as error:
        text_of({"a": value}, "a", "f:1")
    assert str(error.value) == f"f:1: a: expected a text, found {found}; write it in quotes"
