import json

import pytest

from toi.data.table_files import read_records
from toi.data.turns import not_learnt, read_turns, split_system
from toi.system.errors import InputError

S, U, A = {"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}
H, G = {"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}


@pytest.mark.parametrize(
    ("value", "turns"),
    [
        ([U, A], [("user", "u"), ("assistant", "a")]),
        ([S, U, A, U, A], [("system", "s"), ("user", "u"), ("assistant", "a"), ("user", "u"), ("assistant", "a")]),
        ([H, G], [("user", "h"), ("assistant", "g")]),
        ([{"from": "system", "value": "s"}, H, G], [("system", "s"), ("user", "h"), ("assistant", "g")]),
        ([{**U, "name": "x"}, {**A, "weight": 1}], [("user", "u"), ("assistant", "a")]),
        ([{**U, "tool_calls": None}, A], [("user", "u"), ("assistant", "a")]),
        ([{"role": "Developer", "content": " s\n"}, U, A], [("system", " s\n"), ("user", "u"), ("assistant", "a")]),
        ([{"from": "user", "value": "h"}, {"from": "chatgpt", "value": "g"}], [("user", "h"), ("assistant", "g")]),
    ],
)
def test_conversations_are_read(value, turns):
    assert read_turns(value, "messages", "f:1") == turns


def said_of(value, column="messages"):
    with pytest.raises(InputError) as error:
        read_turns(value, column, "f:1")
    return str(error.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[]", "messages: expected a list of messages, found a string"),
        (None, "messages: expected a list of messages, found null"),
        ([], "messages: no messages; remove the row"),
        (["u", "a"], "messages[0]: expected role and content, or from and value, found a string"),
        ([U, {"role": "assistant"}], "messages[1]: expected role and content, or from and value, found 'role'"),
        ([{}], "messages[0]: expected role and content, or from and value, found an object"),
        ([{"role": "user", "value": "u"}], "messages[0]: expected role and content, or from and value, found 'role', 'value'"),
        ([U, {"role": "assistant", "content": ""}], "messages[1].content: is empty; write it, or remove the conversation"),
        ([U, {"role": "assistant", "content": " \n"}], "messages[1].content: is empty; write it, or remove the conversation"),
        ([U, {"role": "assistant", "content": None}], "messages[1].content: expected a string, found null"),
        ([{"role": "user", "content": [{"type": "text", "text": "u"}]}, A], "messages[0].content: expected a string, found a list"),
        ([{"role": 1, "content": "u"}, A], "messages[0].role: expected a string, found a whole number"),
        (
            [U, {"role": "tool", "content": "x"}],
            "messages[1].role: 'tool' is not known; use system, user or assistant (or human, gpt)",
        ),
        ([U, {**A, "tool_calls": [{}]}], "messages[1]: tool_calls: calls of tools cannot be learnt here; remove the conversation"),
        (
            [U, {"role": "assistant", "content": "a", "weight": 0.5}],
            "messages[1]: weight is 0.5; a message is learnt (1) or not (0)",
        ),
        ([A], "messages[0]: the assistant speaks before the user; begin with a message of the user"),
        ([S, A], "messages[1]: the assistant speaks before the user; begin with a message of the user"),
        ([U, S, A], "messages[1]: a system text stands first, or not at all; remove it"),
        ([S, S, U, A], "messages[1]: a system text stands first, or not at all; remove it"),
        ([U, U, A], "messages[1]: two messages of the user in a row; join them, or add what was said between"),
        ([U, A, A], "messages[2]: two messages of the assistant in a row; join them, or add what was said between"),
        ([U, A, U], "messages: ends with a message of the user; add the response of the assistant, or remove the message"),
        ([S], "messages: ends with a message of the system; add the response of the assistant, or remove the message"),
    ],
)
def test_broken_conversations_say_what_is_wrong(value, message):
    assert said_of(value) == f"f:1: {message}"


def test_the_column_is_named():
    assert said_of([H], "conversations").startswith("f:1: conversations: ends with")


def test_the_system_text_is_split_off():
    assert split_system([("system", "s"), ("user", "u")]) == ("s", [("user", "u")])
    assert split_system([("user", "u")]) == ("", [("user", "u")])


def test_conversations_of_files(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"messages": [U, A]}, {"messages": [S, U, A]}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    for name in ("t.jsonl", "t.parquet"):
        turns = [read_turns(record.values["messages"], "messages", record.place) for record in read_records(tmp_path / name)]
        assert turns == [[("user", "u"), ("assistant", "a")], [("system", "s"), ("user", "u"), ("assistant", "a")]]


@pytest.mark.parametrize(
    ("messages", "numbers"),
    [
        ([U, A], set()),
        ([U, {**A, "weight": 0}], {1}),
        ([S, U, {**A, "weight": 0}, U, {**A, "weight": 1}], {1}),
        ([S, U, {**A, "weight": None}, U, {**A, "weight": 0}], {3}),
        ([H, {**G, "weight": 0}, H, {**G, "weight": 0}], {1, 3}),
    ],
)
def test_messages_that_are_not_to_be_learnt(messages, numbers):
    assert not_learnt(messages, split_system(read_turns(messages, "messages", "f:1"))[1]) == numbers
