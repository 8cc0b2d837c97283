"""What a model is asked: templates, normalization and highlight, saved as `task.json`.

    qa      question: {question} context: {context}  ->  {answer}
    aqg     answer: {answer} context: {context}      ->  {question}
    aqg-hl  {highlighted}                            ->  {question}
    aqg-cf  context: {context} answer: {answer}      ->  {question}      the questions of a context begin alike

The same Task makes the prompts of training and of generation, so nobody retypes them.
"""

import re
import string
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from toi.data.examples import Example, Row
from toi.data.windows import window
from toi.system.errors import InputError
from toi.system.files import read_json, write_json
from toi.text.normalization import Aligned, Normalization

QUESTIONS = "questions"  # in a record: all right questions of its answer, the usual ones first
HIGHLIGHT = "<hl>"
FIELDS = ("id", "title", "context", "question", "answer", "highlighted")
CONTEXT_LABEL = "context: "
TARGET_SEPARATOR = "\n"  # of tasks that say no other
TEMPLATES = {
    "qa": ("question: {question} context: {context}", "{answer}"),
    "aqg": ("answer: {answer} context: {context}", "{question}"),
    "aqg-hl": ("{highlighted}", "{question}"),
    "aqg-cf": (CONTEXT_LABEL + "{context} answer: {answer}", "{question}"),
}


_LABELS = re.compile(rf"(?:^|(?<=[ \n]))(?:answer: |question: |{CONTEXT_LABEL})")  # of the templates above


def without_labels(source: str) -> str:
    """A source without the words that the built-in templates put before its fields."""
    return _LABELS.sub("", source)


@dataclass(frozen=True)
class Task:
    """How an Example becomes a source and a target.

    Raises InputError for an empty separator, and a template with an unknown field or none, or a line break that texts have not.
    """

    name: str
    source_template: str
    target_template: str
    normalization: Normalization = field(default_factory=Normalization)
    max_context_length: int | None = None  # characters: only whole sentences around the answer (toi/data/windows.py)
    target_separator: str = TARGET_SEPARATOR  # what a decoder-only model reads between source and target

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def named(cls, name: str, normalization: Normalization | None = None) -> "Task":
        """One of the built-in tasks. Raises InputError for another name."""
        if name not in TEMPLATES:
            raise InputError(f"unknown task {name!r}; tasks are {', '.join(TEMPLATES)}")
        return cls(name, *TEMPLATES[name], normalization or Normalization())

    @property
    def line_breaks(self) -> bool:
        """Whether sources and targets may hold line breaks (see toi/data/tsv.py). The tokenizers of T5 read them as spaces."""
        return self.normalization.line_breaks

    @property
    def asks(self) -> bool:
        """Whether the model writes questions (rather than answers them)."""
        return "question" in template_fields(self.target_template)

    @property
    def highlights(self) -> bool:
        """Whether sources hold `<hl>`, which then must be one token of the tokenizer."""
        return "highlighted" in template_fields(self.source_template) or HIGHLIGHT in self.source_template

    def source(self, example: Example) -> str:
        """What the model reads. Raises ValueError if a field that the template needs is empty or lost."""
        return self._render(self.source_template, example)

    def target(self, example: Example) -> str:
        """What the model shall write. Raises as `source` does."""
        return self._render(self.target_template, example)

    def row(self, example: Example) -> Row:
        """The TSV row of an Example. Its id has tabs and line breaks normalized away."""
        return Row(Normalization()(example.id), self.source(example), self.target(example))

    def answers(self, example: Example) -> list[str]:
        """All normalized gold answers; brackets that belong to them stay."""
        normalization = replace(self.normalization, remove_brackets=False)
        return [text for answer in example.answers if (text := normalization(answer.text))]

    def _render(self, template: str, example: Example) -> str:
        if self.max_context_length is not None:
            example = window(example, self.max_context_length, self.line_breaks)
        pieces = []
        for literal, name, _, _ in string.Formatter().parse(template):
            pieces.append(literal)
            if name is not None:
                value = self._field(name, example)
                if not value:
                    raise ValueError(f"the {name} is empty after normalization" if name != "id" else "the id is empty")
                pieces.append(value)
        return "".join(pieces)

    def _field(self, name: str, example: Example) -> str:
        match name:
            case "answer":
                return next(iter(self.answers(example)), "")
            case "context":
                return self._context(example).text
            case "highlighted":
                return self._highlighted(example)
            case "id":
                return Normalization()(example.id)
            case _:
                return self.normalization(getattr(example, name))

    def _context(self, example: Example) -> Aligned:
        # Only brackets that are removed let the answer change what is done to the context.
        keep = _annotated(example) if self.normalization.remove_brackets else None
        return _aligned(self.normalization, example.context, keep)

    def _highlighted(self, example: Example) -> str:
        span = _annotated(example)
        if span is None:
            raise ValueError("there is no answer with an offset to highlight")
        context = self._context(example)
        if HIGHLIGHT in context.text:
            raise ValueError(f"the context holds {HIGHLIGHT} already")
        text, (start, end) = context.text, context.span(*span)
        return f"{text[:start]}{HIGHLIGHT}{text[start:end]}{HIGHLIGHT}{text[end:]}"

    def to_json(self) -> dict[str, Any]:
        """The fields of `task.json`, before those about the data."""
        value = asdict(self)
        if not self.line_breaks:
            del value["normalization"]["line_breaks"]  # files of other tasks are as they were before there was such a thing
        if self.target_separator == TARGET_SEPARATOR:
            del value["target_separator"]  # likewise
        return {"task": value.pop("name"), **value}

    @classmethod
    def from_json(cls, value: Any, path: str | Path) -> "Task":
        """The inverse of `to_json`; other keys are left alone. Raises InputError naming `path`."""
        try:
            _check_types(value)
            known = {option.name for option in fields(Normalization)}
            normalization = Normalization(**{k: v for k, v in value["normalization"].items() if k in known})
            templates = value["source_template"], value["target_template"]
            separator = value.get("target_separator", TARGET_SEPARATOR)
            return cls(value["task"], *templates, normalization, value.get("max_context_length"), separator)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not a task description ({error}); run the prepare script again") from None


def right_targets(task: Task, example: Example) -> list[str]:
    """All right targets: the gold answers, or where the Example lists all right questions, those. Raises as `Task.target` does."""
    if not task.asks:
        return task.answers(example)
    return [task.target(replace(example, question=question)) for question in example.extra.get(QUESTIONS, ())]


def _check_types(value: dict[str, Any]) -> None:
    """Raise TypeError for the first field of a task description that is of another kind than it should be."""
    limit = value.get("max_context_length")
    right = {"max_context_length": limit is None or (type(limit) is int and limit > 0)}
    right |= {name: isinstance(value[name], str) for name in ("task", "source_template", "target_template")}
    right["target_separator"] = isinstance(value.get("target_separator", TARGET_SEPARATOR), str)
    for option in fields(Normalization):
        right[option.name] = type(value["normalization"].get(option.name, option.default)) is type(option.default)
    for name, is_right in right.items():
        if not is_right:
            raise TypeError(f"{name} is {({**value, **value['normalization']})[name]!r}")


def _check(task: Task) -> None:
    """Raise InputError for what no Task can have."""
    if not task.target_separator:
        raise InputError("target_separator is empty; a decoder-only model would not know where its output begins")
    for template in (task.source_template, task.target_template):
        if not task.line_breaks and any(c in template for c in "\t\n\r"):
            raise InputError(f"template {template!r}: must not hold a tab or a line break")
        if not template_fields(template):
            raise InputError(f"template {template!r} has no field; fields are {', '.join(FIELDS)}")


def _annotated(example: Example) -> tuple[int, int] | None:
    if not example.answers:
        return None
    answer = example.answers[0]
    return None if answer.start is None else (answer.start, answer.start + len(answer.text))


@lru_cache(maxsize=64)  # the questions of a paragraph share its context
def _aligned(normalization: Normalization, context: str, keep: tuple[int, int] | None) -> Aligned:
    return normalization.aligned(context, keep)


@lru_cache(maxsize=64)
def template_fields(template: str) -> set[str]:
    """The fields of a template. Raises InputError if it is malformed or names an unknown field."""
    names = set()
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise InputError(f"template {template!r}: {error}") from None
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in FIELDS or spec or conversion:
            raise InputError(f"template {template!r}: unknown field {{{name}}}; fields are {', '.join(FIELDS)}")
        names.add(name)
    return names


def read_task(folder: str | Path) -> Task | None:
    """The Task of a data or model folder; None if it has no `task.json`."""
    path = Path(folder) / "task.json"
    return Task.from_json(read_json(path), path) if path.is_file() else None


def keeps_line_breaks(folder: str | Path) -> bool:
    """Whether the TSVs of a data folder, or those for a model folder, write line breaks as `\\n`: where its `task.json` says so."""
    task = read_task(folder)
    return task is not None and task.line_breaks


def chosen_task(own: Task | None, name: str | None, model: str) -> Task:
    """The task of a model: its own, or the built-in one called `name`. Raises InputError if there is neither, or both."""
    if own is None:
        if name is None:
            raise InputError(f"{model}: no task.json; say what the model does with --task qa, aqg, aqg-hl or aqg-cf")
        return Task.named(name)
    if name is not None and name != own.name:
        raise InputError(f"{model}: was trained for the task {own.name}, not {name}; leave --task out")
    return own


def data_of(folder: str | Path) -> dict[str, Any]:
    """What the `task.json` of a data or model folder says of the data; nothing if there is none."""
    path = Path(folder) / "task.json"
    value = read_json(path) if path.is_file() else {}
    return dict(value.get("data", {})) if isinstance(value, dict) else {}


def write_task(folder: str | Path, task: Task, data: dict[str, Any]) -> None:
    """Write `task.json`: the task, and what is known of the data it was used on."""
    write_json(Path(folder) / "task.json", {**task.to_json(), "data": data})
