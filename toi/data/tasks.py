"""What a model is asked: templates, normalization and highlight, saved as `task.json`.

    qa      question: {question} context: {context}  ->  {answer}
    aqg     answer: {answer} context: {context}      ->  {question}
    aqg-hl  {highlighted}                            ->  {question}
    aqg-cf  context: {context} answer: {answer}      ->  {question}      the questions of a context begin alike
    ae, qag    a passage  ->  what one could ask about it                  see toi/data/extraction.py

    alpaca-ja, alpaca, plain    an instruction, its input and the turns before it  ->  {response}     see toi/data/templates.py
    chat    the same as messages, put as the chat template of a model puts them    ->  {response}     see toi/data/chat.py

An instruction is the question of its Example, its input the context (which may be empty), its response the first answer; `extra`
has the system text and the turns before it, a list of [role, text] with the roles user and assistant in turn.

The same Task makes the prompts of training and of generation, so nobody retypes them.
"""

from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from toi.data.chat import ChatTemplate, Message
from toi.data.choices import check_choices
from toi.data.dialogues import text_of_field
from toi.data.examples import Example, Row, row_id
from toi.data.extraction import EXTRACTED, listed
from toi.data.task_types import TARGET_SEPARATOR, arguments_of
from toi.data.templates import (
    INSTRUCTION_TEMPLATES,
    MAY_BE_EMPTY,
    TEMPLATES,
    TURN_SEPARATOR,
    check_template,
    pieces,
    template_fields,
    turn_template,
)  # fmt: skip
from toi.data.windows import window
from toi.system.errors import InputError
from toi.text.normalization import Aligned, Normalization

QUESTIONS = "questions"  # in a record: all right questions of its answer, the usual ones first
HIGHLIGHT = "<hl>"
INSTRUCTIONS = Normalization(line_breaks=True, method="none")  # of texts of instructions, unless one is chosen


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
    source_template_without_input: str | None = None  # of instructions without an input, where it is another
    pairs: bool = False  # whether its TSVs hold two answers to each source, one of them preferred (toi/data/pairs.py)
    choices: tuple[str, ...] = ()  # of a task whose targets are one of these
    chat_template: ChatTemplate | None = None  # then the source template is that of what a user says

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def named(cls, name: str, normalization: Normalization | None = None) -> "Task":
        """One of the built-in tasks. Raises InputError for another name."""
        if name not in TEMPLATES:
            raise InputError(f"unknown task {name!r}; tasks are {', '.join(TEMPLATES)}")
        source, target, without_input = TEMPLATES[name]
        usual = INSTRUCTIONS if name in INSTRUCTION_TEMPLATES else Normalization()
        return cls(name, source, target, normalization or usual, source_template_without_input=without_input)

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

    @property
    def instructs(self) -> bool:
        """Whether the model does what an instruction says, and needs no context."""
        return "instruction" in template_fields(self.source_template)

    @property
    def fields(self) -> set[str]:
        """All fields of its sources."""
        of_chat = set() if self.chat_template is None else {"system", "history"}
        return of_chat.union(*map(template_fields, filter(None, (self.source_template, self.source_template_without_input))))

    @property
    def has_history(self) -> bool:
        """Whether sources may hold turns before: whether a conversation can go on."""
        return "history" in self.fields

    @property
    def needs_system(self) -> bool:
        """Whether there is no source without a system text."""
        return "system" in self.fields and self.chat_template is None

    @property
    def extracts(self) -> bool:
        """Whether the model writes all that a text lets one ask (toi/data/extraction.py)."""
        return not template_fields(self.target_template).isdisjoint(EXTRACTED)

    def source(self, example: Example) -> str:
        """What the model reads. Raises ValueError if a field that it needs is empty or lost, or a chat template refuses."""
        if self.chat_template is not None:
            return self.chat_template.prompt(_messages(self, example))
        return _asked(self, example)

    def target(self, example: Example) -> str:
        """What the model shall write. Raises as `source` does."""
        written = _rendered(self, self.target_template, example)
        return written if self.chat_template is None else self.chat_template.response(_messages(self, example), written)

    def row(self, example: Example) -> Row:
        """The TSV row of an Example. Its id has tabs and line breaks normalized away."""
        return Row(row_id(example.id), self.source(example), self.target(example))

    def answers(self, example: Example) -> list[str]:
        """All normalized gold answers; brackets that belong to them stay."""
        normalization = replace(self.normalization, remove_brackets=False)
        return [text for answer in example.answers if (text := normalization(answer.text))]

    def to_json(self) -> dict[str, Any]:
        """The fields of `task.json`, before those about the data."""
        value = asdict(self)
        if not self.line_breaks:
            del value["normalization"]["line_breaks"]  # files of other tasks are as they were before there was such a thing
        if self.target_separator == TARGET_SEPARATOR:
            del value["target_separator"]  # likewise
        if self.normalization.method == "full":
            del value["normalization"]["method"]
        if self.source_template_without_input is None:
            del value["source_template_without_input"]
        if not self.pairs:
            del value["pairs"]
        value["choices"] = list(self.choices)
        if not self.choices:
            del value["choices"]
        del value["chat_template"]
        if self.chat_template is not None:
            value["chat_template"] = self.chat_template.to_json()
        return {"task": value.pop("name"), **value}

    @classmethod
    def from_json(cls, value: Any, path: str | Path) -> "Task":
        """The inverse of `to_json`; other keys are left alone. Raises InputError naming `path`."""
        try:
            return cls(**arguments_of(value))
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not a task description ({error}); run the prepare script again") from None


def right_targets(task: Task, example: Example) -> list[str]:
    """All right targets: the gold answers, or where the Example lists all right questions, those. Raises as `Task.target` does."""
    if task.extracts:
        return [task.target(example)]
    if not task.asks:
        return task.answers(example)
    return [task.target(replace(example, question=question)) for question in example.extra.get(QUESTIONS, ())]


def _check(task: Task) -> None:
    """Raise InputError for what no Task can have."""
    if not task.target_separator:
        raise InputError("target_separator is empty; a decoder-only model would not know where its output begins")
    if task.choices:
        check_choices(task.choices, replace(task.normalization, remove_brackets=False))
    other = task.source_template if task.source_template_without_input is None else task.source_template_without_input
    for template in (task.source_template, other, task.target_template):
        check_template(template, line_breaks=task.line_breaks)
    if ("history" in template_fields(other)) != ("history" in template_fields(task.source_template)):
        raise InputError("the templates with and without an input must both have {history}, or neither")
    if task.chat_template is not None and {"system", "history"} & (template_fields(task.source_template) | template_fields(other)):
        raise InputError("a chat template puts the system text and the turns before itself: leave out {system} and {history}")
    if task.normalization.method == "full":
        return
    if not task.line_breaks:
        raise InputError(f"normalization {task.normalization.method} keeps line breaks, so line_breaks must be true")
    if task.highlights:
        raise InputError(f"normalization {task.normalization.method} does not go with {HIGHLIGHT}; it must be full")


def _asked(task: Task, example: Example) -> str:
    other = task.source_template_without_input
    return _rendered(task, task.source_template if other is None or example.context.strip() else other, example)


def _messages(task: Task, example: Example) -> list[Message]:
    """The system text if there is one, the turns before, and what is asked."""
    system = task.normalization(example.extra.get("system", ""))
    before = [(role, task.normalization(text)) for role, text in example.extra.get("turns", ())]
    return [*([("system", system)] if system.strip() else []), *before, ("user", _asked(task, example))]


def _rendered(task: Task, template: str, example: Example) -> str:
    if task.max_context_length is not None:
        example = window(example, task.max_context_length, task.line_breaks)
    texts: list[str] = []
    for literal, name in pieces(template):
        texts.append(literal)
        if name is not None:
            value = _field(task, name, example)
            if name not in MAY_BE_EMPTY and not value.strip():
                changed = name != "id" and task.normalization.method != "none"
                raise ValueError(f"the {name} is empty{' after normalization' if changed else ''}")
            texts.append(value)
    return "".join(texts)


def _field(task: Task, name: str, example: Example) -> str:
    match name:
        case "instruction":  # those that preparations meet a million times stand first
            return task.normalization(example.question)
        case "input":
            return task.normalization(example.context)
        case "response":
            return task.normalization(example.answers[0].text) if example.answers else ""
        case "history":
            return _history(task, example)
        case "answer":
            return next(iter(task.answers(example)), "")
        case "context" if task.normalization.method == "full":
            return _context(task, example).text
        case "highlighted":
            return _highlighted(_context(task, example), example)
        case "prompt" | "response_a" | "response_b":
            return task.normalization(text_of_field(example, name))
        case "answers" | "pairs":
            return listed(task.normalization, example, name)
        case "id":
            return row_id(example.id)
        case "system":
            return task.normalization(example.extra.get("system", ""))
        case _:
            return task.normalization(getattr(example, name))


def _context(task: Task, example: Example) -> Aligned:
    # Only brackets that are removed let the answer change what is done to the context.
    keep = _annotated(example) if task.normalization.remove_brackets else None
    return _aligned(task.normalization, example.context, keep)


def _history(task: Task, example: Example) -> str:
    """The earlier turns, each as the template says what follows {history}, so that the sources of a conversation begin alike."""
    if "turns" not in example.extra:
        return ""
    turns = [text for _, text in example.extra["turns"]]
    template = turn_template(task.source_template_without_input or task.source_template)
    texts = []
    for asked, said in zip(turns[::2], turns[1::2], strict=True):
        turn = replace(example, context="", question=asked, answers=())
        texts += [_rendered(task, template, turn), task.target_separator, task.normalization(said), TURN_SEPARATOR]
    return "".join(texts)


def _highlighted(context: Aligned, example: Example) -> str:
    """The context with <hl> on both sides of the first answer."""
    span = _annotated(example)
    if span is None:
        raise ValueError("there is no answer with an offset to highlight")
    if HIGHLIGHT in context.text:
        raise ValueError(f"the context holds {HIGHLIGHT} already")
    text, (start, end) = context.text, context.span(*span)
    return f"{text[:start]}{HIGHLIGHT}{text[start:end]}{HIGHLIGHT}{text[end:]}"


def _annotated(example: Example) -> tuple[int, int] | None:
    if not example.answers:
        return None
    answer = example.answers[0]
    return None if answer.start is None else (answer.start, answer.start + len(answer.text))


@lru_cache(maxsize=64)  # the questions of a paragraph share its context
def _aligned(normalization: Normalization, context: str, keep: tuple[int, int] | None) -> Aligned:
    return normalization.aligned(context, keep)
