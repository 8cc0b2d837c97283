import pytest

from toi.errors import InputError
from toi.examples import Answer
from toi.generation import example_of, find_answer, prompt
from toi.tasks import Task

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
    assert prompt(task, example_of(task, context, answer, None)).count("<hl>") == 2


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
    assert prompt(Task.named("aqg"), example_of(Task.named("aqg"), context, "甲府市", None)) == (
        "answer: 甲府市 context: 山梨県の県庁所在地は甲府市です。"
    )
    assert prompt(Task.named("qa"), example_of(Task.named("qa"), context, None, "県庁は？")) == (
        "question: 県庁は? context: 山梨県の県庁所在地は甲府市です。"
    )


def test_the_wrong_kind_of_model():
    with pytest.raises(InputError, match="give --answer, not --question"):
        example_of(Task.named("aqg"), "文", None, "問")
    with pytest.raises(InputError, match="give --question, not --answer"):
        example_of(Task.named("qa"), "文", "文", None)
    own = Task("own", "{title} {context}", "{question}")
    with pytest.raises(InputError, match="no prompt can be made: the title is empty"):
        prompt(own, example_of(own, "文", "文", None))
