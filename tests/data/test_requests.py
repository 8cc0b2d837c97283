import pytest

from toi.data.examples import Answer
from toi.data.requests import Request, example_of, find_answer, parse_requests, prompt, request_problems, unmarked
from toi.data.tasks import INSTRUCTIONS, Task
from toi.system.errors import InputError

FOUND = [
    ("甲府市", "県庁は甲府市です", Answer("甲府市", 3)),
    ("ﾊﾞﾅﾅ", "果物はバナナです", Answer("バナナ", 3)),
    ("バナナ", "果物はﾊﾞﾅﾅです", Answer("ﾊﾞﾅﾅ", 3)),
    ("１２人", "全部で 12人です", Answer("12人", 4)),
    ("桃", "桃と桃", Answer("桃", 0)),
    ("5~7月", "会期は5〜7月", Answer("5〜7月", 3)),
]


@pytest.mark.parametrize(("answer", "context", "expected"), FOUND)
def test_the_answer_is_found_after_normalization(answer, context, expected):
    found = find_answer(answer, context)
    assert found == expected
    task = Task.named("aqg-hl")
    assert prompt(task, example_of(task, Request(context, answer))).count("<hl>") == 2


FIRST = "the answer '桃' occurs 3 times, at 0, 2, 5; the first is taken; choose with --occurrence or --answer_start"


@pytest.mark.parametrize(
    ("start", "occurrence", "expected", "warnings"),
    [
        (
            None,
            None,
            0,
            ["the answer '桃' occurs 3 times, at 0, 2, 5; the first is taken; choose with --occurrence or --answer_start"],
        ),
        (2, None, 2, []),
        (None, 3, 5, []),
        (None, 1, 0, []),
    ],
)
def test_which_occurrence_is_meant(start, occurrence, expected, warnings):
    said = []
    assert find_answer("桃", "桃と桃の木桃", start, occurrence, said.append) == Answer("桃", expected)
    assert said == warnings


@pytest.mark.parametrize(
    ("start", "occurrence", "message"),
    [
        (1, None, "does not begin at character 1 of the context, but at 0, 2"),
        (None, 3, "occurs 2 times in the context: there is no occurrence 3"),
    ],
)
def test_an_occurrence_that_is_not_there(start, occurrence, message):
    with pytest.raises(InputError, match=message):
        find_answer("桃", "桃と桃", start, occurrence)


def test_a_marked_context_says_where_the_answer_is():
    assert unmarked("桃と<hl> 桃 <hl>です") == ("桃と 桃 です", "桃", 3)
    task = Task.named("aqg-hl")
    example = example_of(task, Request("桃と<hl>桃<hl>です"))
    assert (example.context, example.answers) == ("桃と桃です", (Answer("桃", 2),))
    assert prompt(task, example) == "桃と<hl>桃<hl>です"
    assert example_of(task, Request("桃と<hl>ﾓﾓ<hl>です", "モモ")).answers == (Answer("ﾓﾓ", 2),)
    with pytest.raises(InputError, match="nothing stands between the two <hl>"):
        unmarked("<hl> <hl>桃")
    for context, count in (("桃<hl>", 1), ("<hl>桃<hl>と<hl>桃<hl>", 4)):
        with pytest.raises(InputError, match=f"has it {count} times"):
            example_of(task, Request(context))
    with pytest.raises(InputError, match="the context marks '桃', but the answer is '柿'"):
        example_of(task, Request("<hl>桃<hl>と柿", "柿"))
    with pytest.raises(InputError, match="but the model answers questions"):
        example_of(Task.named("qa"), Request("<hl>桃<hl>", question="何?"))


@pytest.mark.parametrize(
    ("answer", "context", "nearest"),
    [("甲村市", "県庁は甲府市です", "'甲府市'"), ("xyz", "県庁は甲府市です", None), ("長い答えです", "短い", None)],
)
def test_a_missing_answer_shows_the_nearest(answer, context, nearest):
    with pytest.raises(InputError, match="is not in the context") as error:
        find_answer(answer, context)
    assert (nearest in str(error.value)) if nearest else ("nearest" not in str(error.value))


def test_the_prompt_is_that_of_training():
    context = "山梨県の\n県庁所在地は　甲府市です。"
    assert prompt(Task.named("aqg"), example_of(Task.named("aqg"), Request(context, "甲府市"))) == (
        "answer: 甲府市 context: 山梨県の県庁所在地は甲府市です。"
    )
    assert prompt(Task.named("qa"), example_of(Task.named("qa"), Request(context, question="県庁は？"))) == (
        "question: 県庁は? context: 山梨県の県庁所在地は甲府市です。"
    )


def test_the_wrong_kind_of_model():
    with pytest.raises(InputError, match="give --answer, not --question"):
        example_of(Task.named("aqg"), Request("文", question="問"))
    with pytest.raises(InputError, match="give --question, not --answer"):
        example_of(Task.named("qa"), Request("文", "文"))
    own = Task("own", "{title} {context}", "{question}")
    with pytest.raises(InputError, match="no prompt can be made: the title is empty"):
        prompt(own, example_of(own, Request("文", "文")))


def test_a_prompt_is_put_as_in_training():
    head = "以下は、タスクを説明する指示です。要求を適切に満たす応答を書きなさい。\n\n"
    task = Task.named("alpaca-ja")
    asked = Request(prompt="１つ\n言って。")
    assert prompt(task, example_of(task, asked)) == f"{head}### 指示:\n１つ\n言って。\n\n### 応答:"
    assert prompt(Task.named("plain"), example_of(Task.named("plain"), Request("橋", prompt="訳して。"))) == "訳して。\n橋"
    again = Request(prompt="次は？", turns=[("user", "やあ"), ("assistant", "はい")])
    assert prompt(task, example_of(task, again)) == f"{head}### 指示:\nやあ\n\n### 応答:\nはい\n\n### 指示:\n次は？\n\n### 応答:"
    own = Task("own", "{system} {instruction}", "{response}", INSTRUCTIONS)
    assert prompt(own, example_of(own, Request(prompt="何？", system="短く。"))) == "短く。 何？"


def test_two_answers_are_compared_as_in_training():
    (given,) = parse_requests('{"prompt": "何？", "response_a": "桃", "response_b": ""}', "r", False, True, instructs=True)
    assert prompt(BETTER, example_of(BETTER, given[1])) == "何？/桃/"
    again = Request(prompt="次は？", turns=[("user", "やあ"), ("assistant", "はい")], response_a="桃", response_b="梨")
    assert prompt(BETTER, example_of(BETTER, again)) == "ユーザー: やあ\n\nアシスタント: はい\n\nユーザー: 次は？/桃/梨"


OWN = Task("own", "{system} {instruction}", "{response}", INSTRUCTIONS)
BETTER = Task("choice", "{prompt}/{response_a}/{response_b}", "{answer}", INSTRUCTIONS, choices=("A", "B"))
BOTH = "the model compares two answers (task choice): give --prompt, --response_a and --response_b"
NOT_MET = [
    (BETTER, Request(prompt="何"), BOTH),
    (BETTER, Request("文", question="問"), "the model compares two answers (task choice): say --context in --prompt"),
    (BETTER, Request(prompt="何", response_a="x"), BOTH),
    (BETTER, Request(prompt=" ", response_a="x", response_b="y"), "the prompt is empty"),
    (BETTER, Request(prompt="何", response_a="x", response_b="y", system="z"), "has no {system}; leave out --system"),
    ("plain", Request(prompt="何", response_a="x", response_b="y"), "the model compares no answers (task plain); leave out"),
    ("plain", Request("文", "答"), "the model does what an instruction says (task plain): give --prompt, not --answer"),
    ("plain", Request("文", question="問"), "the model does what an instruction says (task plain): give --prompt, not --question"),
    ("plain", Request(), "the model does what an instruction says (task plain): give --prompt"),
    ("plain", Request(prompt=" \n"), "the prompt is empty"),
    ("plain", Request(prompt="何", system="短く。"), "the template of the task plain has no {system}: it takes no system text"),
    (OWN, Request(prompt="何"), "the template of the task own has a {system}: give a system text"),
    (OWN, Request("文", prompt="何", system="x"), "the template of the task own has no {input} for --context; say it in --prompt"),
    (OWN, Request(prompt="何", system="x", turns=[("user", "a"), ("assistant", "b")]), "has no {history}"),
    ("qa", Request(prompt="何"), "the model answers questions (task qa): give --question, not --prompt"),
    ("aqg", Request("文", prompt="何"), "the model asks questions (task aqg): give --answer, not --prompt"),
]


@pytest.mark.parametrize(("task", "request_", "said"), NOT_MET)
def test_prompts_that_cannot_be_met(task, request_, said):
    task = Task.named(task) if isinstance(task, str) else task
    with pytest.raises(InputError) as error:
        example_of(task, request_)
    assert said in str(error.value)


GIVEN = [
    ({"prompt": "何"}, []),
    ({"prompt": "何", "context": "文", "system": "短く"}, []),
    ({"prompt": "何", "answer": "a", "occurrence": 2}, ["--answer and --occurrence cannot go with --prompt"]),
    ({"prompt": " "}, ["--prompt is empty"]),
    ({"prompt": "何", "response_a": "a", "response_b": ""}, []),
    ({"prompt": "何", "response_a": "a"}, ["give --response_a and --response_b, or neither"]),
    ({"context": "<hl>文<hl>", "response_a": "a", "response_b": "b"}, ["--response_a and --response_b need --prompt"]),
    ({"prompt": "\udcff"}, ["--prompt is not UTF-8"]),
    ({"context": "文", "answer": "文", "system": "短く"}, ["--system needs --prompt"]),
    ({}, ["--context is needed", "give --answer to get a question, or --question to get an answer"]),
    ({"context": "<hl>文<hl>"}, []),
    ({"context": "文", "answer": "a", "question": "b"}, ["give --answer to get a question, or --question to get an answer"]),
    ({"context": "文", "answer": " "}, ["--answer is empty"]),
]


@pytest.mark.parametrize(("given", "problems"), GIVEN)
def test_what_is_given_by_options(given, problems):
    none = {
        "context": "",
        "title": "",
        "system": "",
        **dict.fromkeys(("answer", "question", "answer_start", "occurrence", "prompt", "response_a", "response_b")),
    }
    assert request_problems({**none, **given}) == problems


PROMPTS = [
    ('{"prompt": "何\\n？", "id": 3}\n{"prompt": "訳", "context": "橋", "system": "短く"}', [
        ("f:1", Request(prompt="何\n？", id="3")), ("f:2", Request("橋", prompt="訳", system="短く")),
    ]),
    ('{"messages": [{"role": "user", "content": "何？"}], "id": 4}', [("f:1", Request(prompt="何？", id="4"))]),
    ('{"messages": [{"role": "system", "content": "短く"}, {"role": "user", "content": "a"}, {"role": "assistant", '
     '"content": "b"}, {"role": "user", "content": "訳"}], "context": "橋"}', [
        ("f:1", Request("橋", prompt="訳", system="短く", turns=[("user", "a"), ("assistant", "b")])),
    ]),
    ("何\\n？\n\n訳\n", [("f:1", Request(prompt="何\n？")), ("f:3", Request(prompt="訳"))]),
    ("訳\t橋\n", [("f:1", Request("橋", prompt="訳"))]),
    ("system\tprompt\n短く\t訳\n", [("f:2", Request(prompt="訳", system="短く"))]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PROMPTS)
def test_prompts_of_a_file(text, expected):
    assert parse_requests(text, "f", False, line_breaks=True, instructs=True) == expected


BAD_PROMPTS = [
    ("", "f: no requests; expected JSON Lines, or a TSV with prompt"),
    ('{"context": "文"}', "f:1: the prompt is missing"),
    ("訳\n訳\t橋", "f:2: expected 1 tab-separated fields (prompt), found 2"),
    ('{"prompt": 3}', "f:1: prompt must be a string"),
    ("訳\\d", "f:1: \\d is no escape"),
    ('{"messages": [{"role": "assistant", "content": "b"}]}', "f:1: messages[0]: the assistant speaks before the user"),
    (
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}',
        "f:1: messages: ends with a message of the assistant; it is the user who asks",
    ),
    ('{"messages": [{"role": "user", "content": "a"}], "prompt": "b"}', "f:1: prompt and messages; say it in one of them"),
    ('{"messages": "a"}', "f:1: messages: expected a list of messages, found "),
]


@pytest.mark.parametrize(("text", "said"), BAD_PROMPTS)
def test_files_of_prompts_that_cannot_be_read(text, said):
    with pytest.raises(InputError) as error:
        parse_requests(text, "f", False, line_breaks=True, instructs=True)
    assert said in str(error.value)
