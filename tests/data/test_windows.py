import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toi.data.examples import Answer, Example
from toi.data.windows import window


def example(context, answer):
    return Example("1", context, "問", (Answer(answer, context.index(answer)),))


CASES = [
    # context, answer, limit, window
    ("甲は桃。", "桃", 4, "甲は桃。"),
    ("甲は桃。乙は柿。丙は梨。", "桃", 4, "甲は桃。"),
    ("甲は桃。乙は柿。丙は梨。", "柿", 8, "甲は桃。乙は柿。"),
    ("甲は桃。乙は柿。丙は梨。", "梨", 8, "乙は柿。丙は梨。"),
    ("甲は桃。乙は柿。丙は梨。", "柿", 11, "甲は桃。乙は柿。"),
    ("甲は桃。乙は柿。丙は梨。", "柿", 12, "甲は桃。乙は柿。丙は梨。"),
    ("甲は桃。乙は柿。丙は梨。", "桃。乙", 5, "は桃。乙は"),  # an answer over two sentences
    ("あいうえお桃かきくけこ", "桃", 5, "えお桃かき"),  # one sentence alone is longer: cut in it
    ("桃あいうえおかきくけこ", "桃", 3, "桃あい"),
    ("あいうえおかきくけこ桃", "桃", 3, "けこ桃"),
    ("あいうえおかきくけこ", "いうえおかきくけ", 3, "いうえおかきくけ"),  # never the answer
    ("甲は㍻。乙は桃。", "桃", 8, "乙は桃。"),  # ㍻ is two characters once normalized
]


@pytest.mark.parametrize(("context", "answer", "limit", "expected"), CASES)
def test_windows(context, answer, limit, expected):
    found = window(example(context, answer), limit)
    assert found.context == expected
    start = found.answers[0].start
    assert found.context[start : start + len(answer)] == answer


LINES = [
    # context, answer, limit, window, its text; a line break is a character of the text only where it is kept
    ("甲は桃\n\n乙は柿\n丙は梨", "柿", 6, False, "甲は桃\n\n乙は柿\n"),
    ("甲は桃\n\n乙は柿\n丙は梨", "柿", 6, True, "乙は柿\n"),
    ("甲は桃\n\n乙は柿\n丙は梨", "柿", 9, True, "甲は桃\n\n乙は柿\n"),
    ("甲は桃\n\n乙は柿\n丙は梨", "柿", 12, True, "甲は桃\n\n乙は柿\n丙は梨"),
    ("甲は桃\r\n乙は柿\r\n丙は梨", "梨", 7, True, "乙は柿\r\n丙は梨"),
]


@pytest.mark.parametrize(("context", "answer", "limit", "line_breaks", "expected"), LINES)
def test_windows_of_lines(context, answer, limit, line_breaks, expected):
    found = window(example(context, answer), limit, line_breaks)
    assert found.context == expected
    start = found.answers[0].start
    assert found.context[start : start + len(answer)] == answer


def test_answers_outside_are_dropped():
    context = "甲は桃。乙は桃。"
    found = window(Example("1", context, "問", (Answer("桃", 6), Answer("桃", 2), Answer("は桃", 5))), 4)
    assert found.context == "乙は桃。"
    assert found.answers == (Answer("桃", 2), Answer("は桃", 1))


def test_without_an_offset_all_is_kept():
    assert window(Example("1", "甲は桃。乙は柿。", "問", (Answer("桃"),)), 4).context == "甲は桃。乙は柿。"
    assert window(Example("1", "甲は桃。乙は柿。", "問"), 4).context == "甲は桃。乙は柿。"


def test_no_window_begins_within_a_separator():
    assert window(example("題 [SEP] あいうえお桃かきくけこ", "桃"), 5).context == "えお桃かき"
    assert window(example("題 [SEP] 桃。柿。", "桃"), 3).context == "桃。"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="あい。\n（）ー ", min_size=1, max_size=60), st.data())
def test_the_answer_is_always_in_the_window(context, data):
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    limit = data.draw(st.integers(1, 70))
    answer = context[start:end]
    found = window(Example("1", context, "問", (Answer(answer, start),)), limit)
    at = found.answers[0].start
    assert found.context[at : at + len(answer)] == answer
    assert found.context in context
