"""Where the context stands in a source, so that a source that is too long loses context and nothing else.

    context: 霧沢一は医師です。趣味は釣りです。 answer: 釣り     at most 9 characters of context:
    context: 趣味は釣りです。 answer: 釣り

A TSV has sources, not their fields: these are found again by the literal parts of the task's template.
"""

import re
import string
from dataclasses import dataclass
from typing import ClassVar

from toi.data.examples import Answer, Example
from toi.data.tasks import HIGHLIGHT
from toi.data.windows import window

_CONTEXTS = ("context", "highlighted", "input")  # the fields that are a context


@dataclass(frozen=True)
class Layout:
    """A source template that has one context. `last`: nothing stands behind it."""

    template: str
    pattern: re.Pattern[str]
    last: bool
    cut: ClassVar = "context"  # of what a source that is too long loses

    @classmethod
    def of(cls, template: str) -> "Layout | None":
        """That of a template; None if it has no context or several, or nothing that tells two fields apart."""
        parts = ""
        seen: set[str] = set()
        for literal, name, _, _ in string.Formatter().parse(template):
            if (name is not None and seen and not literal) or (name in _CONTEXTS and seen.intersection(_CONTEXTS)):
                return None
            parts += re.escape(literal)
            if name in _CONTEXTS:
                parts += f"(?P<{name}>.*)"  # as long as can be: it is the others that are short
            elif name is not None:
                some = ".*?" if name == "history" else ".+?"
                parts += f"(?P={name})" if name in seen else f"(?P<{name}>{some})"
            if name is not None:
                seen.add(name)
        last = template.endswith(tuple(f"{{{name}}}" for name in _CONTEXTS))
        return cls(template, re.compile(parts, re.DOTALL), last) if seen.intersection(_CONTEXTS) else None

    def parts(self, source: str) -> "Parts | None":
        """The parts of a source that was made by the template; None of another one."""
        match = self.pattern.fullmatch(source)
        if match is None:
            return None
        fields = match.groupdict()
        name = next(name for name in _CONTEXTS if name in fields)
        context, answer, at = fields[name], fields.get("answer"), -1
        if name == "highlighted" and context.count(HIGHLIGHT) == 2:
            before, answer, behind = context.split(HIGHLIGHT)
            context, at = before + answer + behind, len(before)
        elif answer is not None:
            at = context.find(answer)
        kept = None if at < 0 or not answer else Answer(answer, at)
        return Parts(source[: match.start(name)], context, source[match.end(name) :], kept, fields[name] != context)


@dataclass(frozen=True)
class Parts:
    """A source: its context, what stands around that, and the answer in it where it is known."""

    before: str
    context: str
    behind: str
    answer: Answer | None
    marked: bool  # whether the answer stands between two <hl>

    def within(self, length: int) -> str:
        """The source with a context of at most so many characters.

        Where the answer is known these are around it, in whole sentences if they can be (toi/data/windows.py), and the answer is
        never cut; else they are the first ones.
        """
        if self.answer is None:
            return f"{self.before}{self.context[:length]}{self.behind}"
        example = window(Example("", self.context, "", (self.answer,)), length, line_breaks=True)
        context = example.context
        if self.marked:
            (answer,) = example.answers
            start = answer.start or 0
            end = start + len(answer.text)
            context = f"{context[:start]}{HIGHLIGHT}{answer.text}{HIGHLIGHT}{context[end:]}"
        return f"{self.before}{context}{self.behind}"
