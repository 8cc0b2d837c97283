import pytest

from toi.data.examples import Answer
from toi.data.requests import Request, example_of, find_answer, prompt, unmarked
from toi.data.tasks import Task
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
