import json
from dataclasses import replace

import pytest

from toi.data.examples import Row, write_rows
from toi.data.pairs import Pair, holds_pairs, iterate_chosen, iterate_split, read_pairs, write_pairs
from toi.data.task_files import read_task, write_task
from toi.data.tasks import Task
from toi.system.errors import InputError

BAD_PAIRS = [
    (b"a\tb\tc\n", "t.tsv:1: expected 4 tab-separated fields (id, source, chosen, rejected), found 3"),
    (b"a\tb\tc\td\na\tb\tc\td\te\n", "t.tsv:2: expected 4 tab-separated fields (id, source, chosen, rejected), found 5"),
    (b"a\tb\tc\td\n\n", "t.tsv:2: expected 4 tab-separated fields (id, source, chosen, rejected), found 1"),
    (b"\tb\tc\td\n", "t.tsv:1: the id field is empty; fill it or remove the row"),
    (b"a\t \tc\td\n", "t.tsv:1: the source field is empty"),
    (b"a\tb\t\td\n", "t.tsv:1: the chosen field is empty"),
    (b"a\tb\tc\t \n", "t.tsv:1: the rejected field is empty"),
    (b"a\tb\tc\td\na\tb\tc\tc\n", "t.tsv:2: the chosen and the rejected answer are the same; remove the row"),
    (b"id\tprompt\tchosen\trejected\na\tb\tc\td\n", "t.tsv:1: a header; these files have none"),
    (b"a\tb\tc\t\\d\n", r"t.tsv:1: \d is no escape"),
    (b"a\tb\tc\t\xe3\x81\n", "t.tsv:1: not UTF-8"),
    (b"", "t.tsv: no rows; expected one line per example: id, source, chosen, rejected"),
]


@pytest.mark.parametrize(("content", "message"), BAD_PAIRS)
def test_bad_pairs_are_named(tmp_path, content, message):
    (tmp_path / "t.tsv").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_pairs(tmp_path / "t.tsv", line_breaks=True)
    assert message in str(error.value)


PAIRS = [Pair("1", '"引用"', "はい", "いいえ"), Pair("2", "#で始まる", "はい", "はい。")]
BROKEN = [Pair("1", "一行目\n二行目", "\\n", "a\t"), Pair("2", "a\r", "b", "c\n")]


def test_pairs_are_read_as_written(tmp_path):
    write_pairs(tmp_path / "p.tsv", PAIRS)
    assert (tmp_path / "p.tsv").read_text() == '1\t"引用"\tはい\tいいえ\n2\t#で始まる\tはい\tはい。\n'
    assert read_pairs(tmp_path / "p.tsv") == PAIRS
    write_pairs(tmp_path / "p.tsv", BROKEN, line_breaks=True)
    assert len((tmp_path / "p.tsv").read_text().splitlines()) == 2
    assert read_pairs(tmp_path / "p.tsv", line_breaks=True) == BROKEN
    assert [*iterate_chosen(tmp_path / "p.tsv", line_breaks=True)] == [Row("1", "一行目\n二行目", "\\n"), Row("2", "a\r", "b")]


@pytest.mark.parametrize("bad", ["x\ty", "x\ny", "x\u2028y"])
def test_a_field_that_would_break_the_line_is_not_written(tmp_path, bad):
    with pytest.raises(ValueError, match="row '1' holds a tab or a line break"):
        write_pairs(tmp_path / "p.tsv", [Pair("1", "a", "b", bad)])
    assert not list(tmp_path.iterdir())


def test_a_split_is_read_as_its_task_says(tmp_path):
    write_rows(tmp_path / "dev.tsv", [Row("1", "a", "b")])
    assert (holds_pairs(tmp_path), [*iterate_split(tmp_path, "dev")]) == (False, [Row("1", "a", "b")])
    write_task(tmp_path, Task.named("plain"), {})
    assert not holds_pairs(tmp_path)
    write_task(tmp_path, replace(Task.named("plain"), pairs=True), {})
    with pytest.raises(InputError, match=r"dev\.tsv:1: expected 4 tab-separated fields"):
        list(iterate_split(tmp_path, "dev"))
    write_pairs(tmp_path / "dev.tsv", BROKEN, line_breaks=True)
    assert holds_pairs(tmp_path)
    assert [row.target for row in iterate_split(tmp_path, "dev")] == ["\\n", "b"]
    with pytest.raises(InputError, match=r"test\.tsv: no such file"):
        list(iterate_split(tmp_path, "test"))


def test_pairs_are_marked_in_the_task_alone(tmp_path):
    plain, pairs = Task.named("plain"), replace(Task.named("plain"), pairs=True)
    assert "pairs" not in plain.to_json()
    assert {**plain.to_json(), "pairs": True} == pairs.to_json()
    write_task(tmp_path, pairs, {})
    assert read_task(tmp_path) == pairs
    (tmp_path / "task.json").write_text(json.dumps({**plain.to_json(), "pairs": "yes"}))
    with pytest.raises(InputError, match=r"task\.json: not a task description \(pairs is 'yes'\)"):
        read_task(tmp_path)
