"""SQuAD-format JSON -> Examples.

    {"data": [{"title": "霧沢一", "paragraphs": [{"context": "霧沢一は医師です。", "qas": [
        {"id": "q1", "question": "霧沢一の職業は何ですか?", "answers": [{"text": "医師", "answer_start": 4}]}]}]}]}

becomes `Example(id="q1", title="霧沢一", context=..., question=..., answers=(Answer("医師", 4),))`. JSQuAD, JaQuAD
and SQuAD itself have this form. Everything is checked; what is wrong is named by its place.
"""

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toi.errors import InputError
from toi.examples import Answer, Example
from toi.files import read_json

_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def find_files(pattern: str | Path) -> list[Path]:
    """The files that a path names: a file, the `.json` files of a folder, or a glob. In order of name.

    Raises InputError if there is none.
    """
    path = Path(pattern)
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise InputError(f"{path}: no .json file in this folder")
    else:
        files = [path] if path.is_file() else sorted(Path(p) for p in glob.glob(str(pattern)) if Path(p).is_file())
        if not files:
            raise InputError(f"{pattern}: no such file; for JSQuAD run ./download.sh, else give --train_file and --test_file")
    return files


def read_squad(path: str | Path) -> list[Example]:
    """The Examples of one file, in its order.

    A question that is marked impossible, or has no answer, comes with `answers=()`. Raises InputError
    with the file and the place: `train.json: data[0].paragraphs[2].qas[1].answers[0]: ...`.
    """
    root = read_json(path)
    return list(_articles(_Node(root, str(path), "")))


def _articles(root: "_Node") -> Iterator[Example]:
    for article in root.get("data", list, hint="not SQuAD-format JSON").items():
        title = article.get("title", str).value if "title" in article else ""
        for paragraph in article.get("paragraphs", list).items():
            context = paragraph.get("context", str).value
            for qa in paragraph.get("qas", list).items():
                yield _example(qa, title, context)


def _example(qa: "_Node", title: str, context: str) -> Example:
    identifier = qa.get("id", str, int).value
    question = qa.get("question", str).value
    impossible = "is_impossible" in qa and qa.get("is_impossible", bool).value
    extra = {k: v for k, v in qa.value.items() if k == "question_type"}
    answers = []
    for node in () if impossible else qa.get("answers", list).items():
        text, start = node.get("text", str).value, node.get("answer_start", int).value
        if not text:
            raise node.error("the answer text is empty")
        found = context[start : start + len(text)] if start >= 0 else ""
        if found != text:
            raise node.error(f"answer_start {start} does not match: expected {_short(text)}, the context has {_short(found)}")
        answers.append(Answer(text, start))
        if len(answers) == 1 and "answer_type" in node:
            extra["answer_type"] = node.value["answer_type"]
    return Example(str(identifier), context, question, tuple(answers), title, extra)


def _short(text: str) -> str:
    return repr(text if len(text) <= 30 else text[:29] + "…")


class _Node:
    """A JSON value that knows its place."""

    def __init__(self, value: Any, file: str, place: str):
        self.value, self.file, self.place = value, file, place

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def get(self, key: str, *kinds: type, hint: str = "") -> "_Node":
        """The member `key`, which must be of one of the kinds."""
        if not isinstance(self.value, dict):
            raise self.error(f"expected an object, found {_KINDS[type(self.value)]}" + (f"; {hint}" if hint else ""))
        place = f"{self.place}.{key}" if self.place else key
        if key not in self.value:
            raise self.error(f"{key!r} is missing" + (f"; {hint}" if hint else ""))
        node = _Node(self.value[key], self.file, place)
        if type(node.value) not in kinds:
            raise node.error(f"expected {' or '.join(_KINDS[kind] for kind in kinds)}, found {_KINDS[type(node.value)]}")
        return node

    def items(self) -> Iterator["_Node"]:
        """The members of a list."""
        for i, value in enumerate(self.value):
            yield _Node(value, self.file, f"{self.place}[{i}]")

    def error(self, problem: str) -> InputError:
        """An error that names the file and the place."""
        return InputError(f"{self.file}: {self.place}: {problem}" if self.place else f"{self.file}: {problem}")
