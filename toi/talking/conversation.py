"""What a user and a model say in turn: what of it the model reads again, and what is kept of it."""

import json
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toi.data.requests import Request, example_of, prompt
from toi.data.tasks import Task
from toi.decoding.decoder import Decoder, limits_of
from toi.decoding.streaming import Stream, streams
from toi.models.family import Limits
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.system.files import check_name, replacing
from toi.system.saying import say, warn
from toi.text.normalization import normalize, printable_lines


@dataclass(frozen=True)
class Turn:
    """A question and its answer, `cut` where the model did not end it itself."""

    asked: str
    said: str
    cut: bool = False


class Conversation:
    """A conversation with one model, which is asked as its task says.

    A task without {history}, and a kind of model that takes no turns, read nothing but the last question: then each question is a
    conversation of its own.
    """

    def __init__(self, name: str, decoder: Decoder, task: Task, system: str = ""):
        """Raises InputError where the task has no place for a system text, or needs one."""
        self.name, self.task, self.turns = name, task, list[Turn]()
        self._decoder, self._stream = decoder, Stream(decoder)
        self._limits, self._first = Limits(0, 0), 0  # turns before that one are left out: the limits have no room for them
        self.cut = False  # whether the last answer came to the limit of its length
        self._kept = False  # whether the last question and its answer are a turn
        self.set_system(system)

    @property
    def remembers(self) -> bool:
        """Whether the model reads earlier turns."""
        return self.task.has_history and self._decoder.checkpoint.family.takes_turns

    def check_system(self, text: str) -> None:
        """Raise InputError where the task has no place for this system text, or needs one."""
        example_of(self.task, Request(prompt="?", system=text))

    def set_system(self, text: str) -> None:
        """Let this be the system text from now on. Raises InputError, and leaves it, where it cannot be."""
        self.check_system(text)
        self.system = text

    def clear(self) -> None:
        """Forget what was said."""
        self.turns, self._first, self._kept = [], 0, False

    def take_back(self) -> None:
        """Forget the last question, if it was answered."""
        if self._kept:
            self.turns.pop()
        self._kept = False

    def answer(self, asked: str, options: AnsweringOptions, number: int = 0) -> Generator[str, None, None]:
        """The answer in parts, or in one where it cannot be shown while it is written; `number` is that of a sample.

        What was said when the iterator ends, or is closed, becomes a turn, unless nothing of it can be seen. Raises InputError
        where no answer can be had.
        """
        self._kept, asked = False, printable_lines(asked)
        source, ids = self._source(asked, options)
        parts, self.cut, whole = list[str](), False, False
        try:
            with closing(self._parts(source, ids, options, number)) as written:
                for part in written:
                    parts.append(part)
                    yield part
            whole = True
        finally:
            said = "".join(parts)
            self._kept = bool(normalize(said))
            if self._kept:
                self.turns.append(Turn(asked, said, self.cut or not whole))

    def _parts(self, source: str, ids: Sequence[int], options: AnsweringOptions, number: int) -> Generator[str, None, None]:
        """The parts as they may be shown: without control characters, which would act on a terminal."""
        if streams(options):
            length = limits_of(self._decoder.checkpoint, options).target
            with closing(self._stream.write(ids, options, length, number)) as parts:
                yield from map(printable_lines, parts)
            self.cut = not self._stream.ended
            return
        ((_, output),) = self._decoder.decode([source], options)
        if output.text is None:
            raise InputError("the model found nothing without the banned words; give fewer --bad_words or more --num_beams")
        yield printable_lines(output.text)

    def _source(self, asked: str, options: AnsweringOptions) -> tuple[str, Sequence[int]]:
        """What the model reads: as many of the last turns as there is room for, and the question. The text, and its ids."""
        limits, before = limits_of(self._decoder.checkpoint, options), self._first
        turns = self.turns if self.remembers else []
        first = before if limits == self._limits else 0
        while True:
            source = self._prompt(asked, turns[first:])
            (row,) = self._decoder.checkpoint.family.encode([source], None, limits)
            if not row.source_cut or first >= len(turns):
                break
            first += 1
        self._limits, self._first = limits, first
        if first > before:
            out = "the first turn is" if first == 1 else f"the first {first:,} turns are"
            say(f"{self.name}: the conversation has no room in {limits.source:,} tokens: {out} left out from now on")
        if row.source_cut:
            warn(f"the question has {len(row.source) + row.source_cut:,} tokens and is cut to {limits.source:,}; shorten it")
        if options.verbose:
            say(source)
        return source, row.source

    def _prompt(self, asked: str, turns: Sequence[Turn]) -> str:
        before = [part for turn in turns for part in (["user", turn.asked], ["assistant", turn.said])]
        request = Request(prompt=asked, system=self.system, turns=before or None)
        return prompt(self.task, example_of(self.task, request))

    def records(self) -> list[dict[str, Any]]:
        """What was said, as records of `messages` (toi/data/turns.py): one, or where each question stood alone, one for each."""
        alone = [self.turns] if self.remembers else [[turn] for turn in self.turns]
        return [{"messages": self._messages(turns)} for turns in alone if turns]

    def _messages(self, turns: Sequence[Turn]) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = [{"role": "system", "content": self.system}] if self.system else []
        for turn in turns:
            messages.append({"role": "user", "content": turn.asked})
            messages.append({"role": "assistant", "content": turn.said, **({"cut": True} if turn.cut else {})})
        return messages


def save_conversations(path: str, conversations: Sequence[Conversation]) -> int:
    """Write what was said as JSON Lines; how many answers. Raises InputError for a file that is there, or if nothing was said."""
    records = [
        ({"model": one.name} if len(conversations) > 1 else {}) | record for one in conversations for record in one.records()
    ]
    if not records:
        raise InputError("nothing has been said yet that could be saved")
    check_name(path)
    if Path(path).exists():
        raise InputError(f"{path}: is there already; give another name")
    with replacing(path) as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    return sum(len(one.turns) for one in conversations)
