import json

import pytest

from toi.data.json_records import Node, records
from toi.system.errors import InputError


def write(path, content):
    path.write_bytes(content)
    return path


def test_members_of_an_array_across_the_ends_of_chunks(tmp_path, monkeypatch):
    text = '[ {"a": [1, -2.5e3, true, null, "\\u3042\\ud83d\\ude00\\"]"], "い": {"b": "桃😀"}} , {}, {"c": "[,]"}\n]\n'
    path = write(tmp_path / "a", text.encode())
    for size in range(1, 40):
        monkeypatch.setattr("toi.data.json_records._CHUNK", size)
        assert [(node.value, node.place) for node in records(path)] == [
            (value, f"[{i}]") for i, value in enumerate(json.loads(text))
        ]


def test_a_member_without_an_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("toi.data.json_records._LONGEST", 1000)
    monkeypatch.setattr("toi.data.json_records._CHUNK", 64)
    path = write(tmp_path / "r", b'[{"a": [' + b"{}, " * 100_000)
    with pytest.raises(InputError, match=r"r: \[0\]: not JSON \(no end within 1,000 characters\)"):
        list(records(path))


def test_lines_know_their_numbers(tmp_path):
    path = write(tmp_path / "l", b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": 2}\n')
    assert [(node.file, node.value) for node in records(path)] == [(f"{path}:1", {"a": 1}), (f"{path}:3", {"a": 2})]


def test_lines_with_spaces_about_them(tmp_path):
    path = write(tmp_path / "l", b'{"a": 1} \n\t{"a": 2}\r\n \r\n3\n"x" \n{"a": [NaN]}')
    assert [node.file for node in records(path)] == [f"{path}:{number}" for number in (1, 2, 4, 5, 6)]
    assert [node.value for node in records(path)][:-1] == [{"a": 1}, {"a": 2}, 3, "x"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"a": 1} x', "Extra data at column 10"),
        ('{"a": 1}{"a": 2}', "Extra data at column 9"),
        ("{a: 1}", "Expecting property name enclosed in double quotes at column 2"),
        ("x", "Expecting value at column 1"),
        ('{"a": 1}\x0b', "Extra data at column 9"),
    ],
)
def test_broken_lines_are_named(tmp_path, line, said):
    path = write(tmp_path / "l", f'{{"a": 1}}\n{line}\n'.encode())
    with pytest.raises(InputError) as error:
        list(records(path))
    assert str(error.value) == f"{path}:2: not JSON ({said}); expected an object a line"


@pytest.mark.parametrize(
    ("kinds", "value", "message"),
    [
        ((str,), 3, "f: a.b: expected a string, found a whole number"),
        ((str, int), None, "f: a.b: expected a string or a whole number, found null"),
        ((int,), True, "f: a.b: expected a whole number, found true or false"),
        ((list,), {}, "f: a.b: expected a list, found an object"),
        ((dict,), 1.5, "f: a.b: expected an object, found a number"),
    ],
)
def test_a_value_of_another_kind(kinds, value, message):
    node = Node({"a": {"b": value}}, "f", "").get("a", dict)
    with pytest.raises(InputError) as error:
        node.get("b", *kinds)
    assert str(error.value) == message
