"""Comparisons -> the rows of a data folder, of choices or of pairs, and the account of them.

Of rows that were written only hashes are kept. They are Python's own, which differ from process to process: nothing that is written
depends on them.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from toi.data.audit import Audit, AuditTokenizer, Measured
from toi.data.comparisons import TIE, B, Comparison
from toi.data.dialogues import dialogue
from toi.data.examples import SPLITS, Answer, Example, Row, iterate_rows
from toi.data.instruction_rows import NO_HISTORY, NO_SYSTEM
from toi.data.jinja import NotRendered
from toi.data.pairs import Pair, iterate_chosen
from toi.data.splits import Files, folded
from toi.data.tasks import Task
from toi.data.tsv import to_line
from toi.system.errors import InputError

BOTH_EMPTY = "both answers are empty"
ONE_EMPTY = "one answer is empty"
SAME = "both answers are the same"
CONTRADICTS = "the same answers were judged otherwise"
IS_TIE = "a tie"
OTHER_PROMPT = "the conversations do not begin alike"
PARTED = "the conversations part before their last answers"
TURNS_LEFT_OUT = "turns left out at the beginning"
SHORTENED = "conversations that lost turns"
STILL_LONG = "the last turn alone is beyond the limit"


def asked(comparison: Comparison) -> tuple[str]:
    """What decides on the split of a comparison: the first thing that its user says."""
    return (comparison.a[0][1],)


class Rows(Protocol):
    """What kind of rows comparisons become."""

    task: Task
    read: Callable[..., Iterator[Row]]  # reads its TSV again

    def reason(self, one: Comparison) -> str | None:
        """Why a comparison makes no row; None if it does."""
        ...

    def examples(self, one: Comparison, id: str, train: bool) -> Iterator[tuple[Example, Sequence[str]]]:
        """The Examples of a comparison, each with the fields of its line. Raises ValueError where it makes none."""
        ...


@dataclass
class ChoiceRows:
    """Rows whose target is one of the task's choices; `ties` are kept, `swap` adds those of train the other way round."""

    task: Task
    ties: bool
    seed: int
    swap: bool
    read = staticmethod(iterate_rows)

    def reason(self, one: Comparison) -> str | None:
        """See `Rows`."""
        return IS_TIE if one.winner == TIE and not self.ties else None

    def examples(self, one: Comparison, id: str, train: bool) -> Iterator[tuple[Example, Sequence[str]]]:
        """See `Rows`. Where the data do not say which answer is A, the seed does."""
        if not one.sided and hashlib.blake2b(f"{self.seed}\t{id}".encode(), digest_size=1).digest()[0] % 2:
            one = one.swapped
        yield self._example(one, id)
        if self.swap and train:
            yield self._example(one.swapped, f"{id}#swapped")

    def _example(self, one: Comparison, id: str) -> tuple[Example, Sequence[str]]:
        extra = _extra(one) | {"a": _lists(one.a[one.shared :]), "b": _lists(one.b[one.shared :])}
        example = Example(id, "", one.a[one.shared - 1][1], (Answer(self.task.choices[one.winner]),), extra=extra)
        return example, self.task.row(example)


@dataclass
class PairRows:
    """Rows with the better answer and the worse one; what comes before is an instruction with the turns before it."""

    task: Task
    read = staticmethod(iterate_chosen)

    def reason(self, one: Comparison) -> str | None:
        """See `Rows`."""
        if one.winner == TIE:
            return IS_TIE
        if one.shared + 1 != len(one.a) or one.shared + 1 != len(one.b):
            return PARTED
        if one.shared > 1 and "history" not in self.task.fields:
            return NO_HISTORY
        return SAME if one.a == one.b else ONE_EMPTY if not (one.a[-1][1].strip() and one.b[-1][1].strip()) else None

    def examples(self, one: Comparison, id: str, train: bool) -> Iterator[tuple[Example, Sequence[str]]]:
        """See `Rows`."""
        one = one.swapped if one.winner == B else one
        (_, chosen), (_, rejected) = one.a[-1], one.b[-1]
        extra = _extra(one) | {"rejected": rejected}
        example = Example(id, "", one.a[-2][1], (Answer(chosen),), extra=extra)
        worse = self.task.target(replace(example, answers=(Answer(rejected),)))
        yield example, Pair(*self.task.row(example), worse)


def _extra(one: Comparison) -> dict[str, Any]:
    """What an Example of a comparison holds beside its question, in the order of `Comparison`."""
    extra: dict[str, Any] = {"system": one.system} if one.system else {}
    if one.shared > 1:
        extra["turns"] = _lists(one.a[: one.shared - 1])
    return extra | {name: value for name in ("model_a", "model_b") if (value := getattr(one, name))}


def _lists(turns: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [list(turn) for turn in turns]


@dataclass
class Budget:
    """The most characters of a row's source and longer answer, or with a tokenizer the most tokens."""

    limit: int
    tokenizer: AuditTokenizer | None = None

    def holds(self, fields: Sequence[str]) -> bool:
        """Whether a row is within it: its id, its source, and answers to it."""
        _, source, *answers = fields
        size = len if self.tokenizer is None else lambda text: len(self.tokenizer.encode_batch([text])[0])
        return size(source) + max(map(size, answers)) <= self.limit


@dataclass
class Writer:
    """Writes the rows of comparisons, and keeps account of them. See `toi.data.splits.Writer`."""

    rows: Rows
    budget: Budget | None
    files: Files
    audit: Audit
    _split_of: dict[int, str] = field(default_factory=dict)  # hash of a prompt -> the split that has it
    _judged: dict[int, tuple[int, str]] = field(default_factory=dict)  # hash of two conversations -> the better one's, its row

    def __post_init__(self) -> None:
        self._lengths = {
            part: self.audit.lengths.setdefault(Measured(part, "characters"), {split: array("I") for split in SPLITS})
            for part in ("source", "target", "prompt")
        }

    def make(self, id: str, one: Comparison) -> Comparison:
        """A comparison itself: its rows depend on what was read before."""
        return one

    def add(self, split: str, id: str, one: Comparison) -> bool:
        """Write the rows of a comparison. Whether there were any."""
        self.audit.read[split] += 1
        reason = self._reason(split, id, one)
        if reason is None:
            try:
                self._write(split, id, self._within(split, id, one))
            except NotRendered as error:
                raise InputError(f"{id}: {error}") from None
            except ValueError as error:
                reason = str(error)
        if reason is not None:
            self.audit.drop(split, reason, id)
        return reason is None

    def _reason(self, split: str, id: str, one: Comparison) -> str | None:
        """Why a comparison is dropped; what else is to be said of it is noted."""
        if not one.a[0][1].strip():
            return "the prompt is empty"
        if not one.shared:
            return OTHER_PROMPT
        empty = [not any(text.strip() for role, text in side[one.shared :] if role == "assistant") for side in (one.a, one.b)]
        reason = BOTH_EMPTY if all(empty) else self.rows.reason(one)
        if reason is not None:
            return reason
        prompt = hash(folded(one.a[0][1]))
        other = self._split_of.setdefault(prompt, split)
        if other != split:
            return f"the same prompt is in {other}"
        if (reason := self._judge(split, id, one)) is not None:
            return reason
        if any(empty):
            self.audit.note(split, ONE_EMPTY, id)
        elif one.a == one.b:
            self.audit.note(split, SAME, id)
        if one.system and "system" not in self.rows.task.fields:
            self.audit.note(split, NO_SYSTEM, id)
        return None

    def _judge(self, split: str, id: str, one: Comparison) -> str | None:
        """Whether a vote repeats another, which is dropped, or contradicts it, which is noted."""
        of_a, of_b = hash(tuple(one.a)), hash(tuple(one.b))
        better = (of_a, of_b, 0)[one.winner]
        known, first = self._judged.setdefault(hash(frozenset((of_a, of_b))), (better, id))
        if first == id:
            return None
        if known == better:
            return "duplicate of another row"
        self.audit.note(split, CONTRADICTS, f"{id} (first: {first})")
        return None

    def _within(self, split: str, id: str, one: Comparison) -> Comparison:
        """The comparison without as many of its earliest turns as bring it within the budget."""
        if self.budget is None:
            return one
        left_out, shorter = 0, one
        while not all(self.budget.holds(fields) for _, fields in self.rows.examples(shorter, id, False)):
            rest = shorter.without_first()
            if rest is None:
                self.audit.note(split, STILL_LONG, id)
                break
            left_out, shorter = left_out + 4, rest
        if left_out:
            self.audit.count(TURNS_LEFT_OUT, split, left_out)
            self.audit.count(SHORTENED, split)
        return shorter

    def _write(self, split: str, id: str, one: Comparison) -> None:
        tsv, jsonl = self.files[split]
        made = list(self.rows.examples(one, id, split == "train"))
        for example, fields in made:
            tsv.write(to_line(fields, line_breaks=True) + "\n")
            jsonl.write(example.to_line() + "\n")
            self.audit.kept[split] += 1
            prompt = dialogue([*example.extra.get("turns", ()), ("user", example.question)])
            for part, text in (("source", fields[1]), ("target", fields[2]), ("prompt", prompt)):
                self._lengths[part][split].append(len(text))  # type: ignore[attr-defined]  # an array, see above
            for choice in self.rows.task.choices:
                self.audit.shares.setdefault(f"rows with {choice.strip()}", Counter())[split] += fields[2] == choice
