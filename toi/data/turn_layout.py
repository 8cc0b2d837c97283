"""Where the turns of a conversation stand in a source, so that one that is too long loses its earliest turns, whole ones.

    以下は、... ### 指示: やあ ### 応答: はい ### 指示: 名物は？ ### 応答:     ->     以下は、... ### 指示: 名物は？ ### 応答:

Where what is asked last is too long by itself, it loses its end, where its input stands. What stands before the first turn (the
system text) and behind the last question is never lost. A TSV has sources, not their turns: these are found again by what the
template writes around them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from toi.data.chat import ChatTemplate
from toi.data.layout import Layout, Parts
from toi.data.tasks import Task
from toi.data.templates import HISTORY, TURN_SEPARATOR, pieces, turn_template


@dataclass(frozen=True)
class Head:
    """What stands before the first question: `before` alone, or with a text behind it that ends in `between`."""

    before: str
    between: str = ""

    def end(self, source: str, turn_ends: int) -> int:
        """Where the first question begins, before `turn_ends`; -1 if the source has another head."""
        if not source.startswith(self.before):
            return -1
        if not self.between:
            return len(self.before)
        at = source.rfind(self.between, len(self.before), turn_ends)
        return at if at < 0 else at + len(self.between)


@dataclass(frozen=True)
class TurnLayout:
    """What the sources of a task have around their questions. `template` names it."""

    template: str
    heads: tuple[Head, ...]  # the first that fits
    answered: str  # between a question and its response; empty where turns cannot be told
    asked: str  # between a response and the next question
    prompts: tuple[str, ...]  # behind the last question
    last: ClassVar = False  # see `Layout`
    cut: ClassVar = "earliest turns, or the last of what is asked"

    @classmethod
    def of_chat(cls, chat: ChatTemplate) -> "TurnLayout":
        """That of a chat template."""
        answered, asked, prompt = chat.turns
        heads = tuple(Head(*head) for head in chat.heads)
        return cls(chat.template, heads, answered, asked, (prompt,))

    @classmethod
    def of_templates(cls, task: Task) -> "TurnLayout | None":
        """That of a task whose templates end in an instruction, its input and nothing but text; None of another one."""
        templates = [task.source_template, *filter(None, [task.source_template_without_input])]
        heads, prompts = [], []
        for template in templates:
            parts = pieces(template)
            literals, names = [literal for literal, _ in parts], [name for _, name in parts]
            first = names.index("instruction") if "instruction" in names else -1
            if first < 0 or not {"instruction", "input", None}.issuperset(names[first:]):
                return None
            others = [i for i, name in enumerate(names[:first]) if name != "history"]  # before the history: the system text
            between = "".join(literals[others[-1] + 1 : first + 1]) if others else ""
            if between or not others:
                heads.append(Head(literals[0], between) if others else Head("".join(literals[: first + 1])))
            prompts.append(literals[-1] if names[-1] is None else "")
        turn = pieces(turn_template(templates[-1])) if HISTORY in templates[-1] else ()
        behind = "".join(literal for literal, _ in turn[1:])
        told = [name for _, name in turn if name is not None] == ["instruction"] and bool(turn[0][0])
        answered, asked = (behind + task.target_separator, TURN_SEPARATOR + turn[0][0]) if told else ("", "")
        return cls("\0".join([*templates, task.target_separator]), tuple(heads), answered, asked, tuple(prompts))

    def later(self, source: str) -> Sequence[str]:
        """The source without its first turn, without its first two, and so on; nothing if it has one turn alone."""
        starts = self._starts(source)
        return [source[: starts[0]] + source[start:] for start in starts[1:]]

    def parts(self, source: str) -> Parts | None:
        """What is asked last, and what stands around that; None of a source of another template."""
        starts = self._starts(source)
        prompt = next((text for text in sorted(self.prompts, key=len, reverse=True) if source.endswith(text)), None)
        if not starts or prompt is None or starts[-1] > len(source) - len(prompt):
            return None
        end = len(source) - len(prompt)
        return Parts(source[: starts[-1]], source[starts[-1] : end], prompt, None, False)

    def _starts(self, source: str) -> list[int]:
        """Where the questions begin, each turn's."""
        answers = source.find(self.answered) if self.answered else -1
        limit = len(source) if answers < 0 else answers
        first = next((end for head in self.heads if (end := head.end(source, limit)) >= 0), -1)
        if first < 0:
            return []
        starts = [first]
        while self.answered and (answers := source.find(self.answered, starts[-1])) >= 0:
            again = source.find(self.asked, answers + len(self.answered))
            if again < 0:
                break
            starts.append(again + len(self.asked))
        return starts


def layout_of(task: Task | None) -> Layout | TurnLayout | None:
    """Where the sources of a task may be cut; None if that is at their ends."""
    if task is None:
        return None
    if task.chat_template is not None:
        return TurnLayout.of_chat(task.chat_template)
    found = TurnLayout.of_templates(task) if task.instructs else None
    return found or Layout.of(task.source_template)
