"""Conversations -> the rows of a data folder, and the account of them.

Of rows that were written only hashes are kept. They are Python's own, which differ from process to process: nothing that is written
depends on them.
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from toi.data.audit import Audit, Measured, Shared
from toi.data.conversations import Conversation, LossOn
from toi.data.examples import SPLITS, Example
from toi.data.jinja import NotRendered
from toi.data.splits import Files, folded
from toi.data.tasks import Task
from toi.data.tsv import to_line
from toi.system.errors import InputError
from toi.text.folding import PLAIN_JAPANESE

AGAIN = "the same instruction has another output"
REPEATS = "the output repeats the instruction"
ENDS = "the output begins or ends with white space"
NO_SYSTEM = "the template has no {system} for the system text"
NO_HISTORY = "the template has no {history} for the turns before"
NO_INPUT = "the template has no {input} for the input"
NOT_LEARNT = "no response is to be learnt (weight 0)"
JAPANESE_OUTPUTS = "outputs with Japanese"
IN_TRAIN = "the same instruction is in train"
_REPEATED = 10  # characters of an instruction that no output begins with by chance


def asked(conversation: Conversation) -> tuple[str, str]:
    """What decides on the split of a conversation: its first instruction and its input."""
    return conversation.turns[0][1], conversation.input


@dataclass
class _Known:
    """The rows that were written, by their numbers."""

    ids: list[str] = field(default_factory=list)
    splits: bytearray = field(default_factory=bytearray)  # the number of each row's split in SPLITS
    outputs: "array[int]" = field(default_factory=lambda: array("q"))  # hashes
    first: dict[int, int] = field(default_factory=dict)  # hash of what is asked -> its first row
    rows: set[int] = field(default_factory=set)  # hashes of splits, of what is asked and answered


class _Dropped(NamedTuple):
    """What makes no row, and why."""

    id: str
    reason: str


class _Whole(NamedTuple):
    """A row, and what is to be known of it."""

    id: str
    sizes: tuple[int, int, int]  # the characters of source, target and instruction
    source: int  # a hash
    output: int  # likewise
    japanese: bool
    notes: tuple[str, ...]
    line: str  # of the TSV
    example: str  # the line of its Example


class Made(NamedTuple):
    """The rows of a conversation."""

    lacks_system: bool  # the template has no place for its system text
    rows: list[_Whole | _Dropped]


@dataclass
class Writer:
    """Writes the rows of splits, and keeps account of them."""

    task: Task
    loss_on: LossOn
    files: Files
    audit: Audit
    _known: _Known = field(default_factory=_Known)

    def __post_init__(self) -> None:
        fields = self.task.fields
        self._takes_input = not {"input", "context"}.isdisjoint(fields)
        self._takes_system, self._takes_turns = "system" in fields, "history" in fields
        lengths = [
            self.audit.lengths.setdefault(Measured(part, "characters"), {split: array("I") for split in SPLITS})
            for part in ("source", "target", "instruction")
        ]
        self._measures = {split: [of_part[split].append for of_part in lengths] for split in SPLITS}  # type: ignore[attr-defined]
        self._japanese = self.audit.shares.setdefault(JAPANESE_OUTPUTS, Counter())

    def make(self, id: str, one: Conversation) -> Made:
        """The rows of a conversation. Raises InputError where a chat template refuses it."""
        (_, asked), (_, said) = one.turns[:2]
        if not (asked.strip() and said.strip()):
            empty = [name for name, text in (("instruction", asked), ("response", said)) if not text.strip()]
            return Made(False, [_Dropped(id, f"the {' and the '.join(empty)} {'are' if len(empty) > 1 else 'is'} empty")])
        if not self._takes_input and one.input.strip():
            return Made(False, [_Dropped(id, NO_INPUT)])
        rows = [self._row(example) for example in one.examples(id, self.loss_on)]
        return Made(bool(one.system) and not self._takes_system, rows or [_Dropped(id, NOT_LEARNT)])

    def _row(self, example: Example) -> _Whole | _Dropped:
        if not self._takes_turns and "turns" in example.extra:
            return _Dropped(example.id, NO_HISTORY)
        try:
            row = self.task.row(example)
        except NotRendered as error:
            raise InputError(f"{example.id}: {error}") from None
        except ValueError as error:
            return _Dropped(example.id, str(error))
        _, source, target = row
        output, instruction = folded(target), folded(example.question)
        notes: tuple[str, ...] = ()
        if output.startswith(instruction) and (len(instruction) >= _REPEATED or output == instruction):
            notes = (REPEATS,)
        if target != target.strip():
            notes += (ENDS,)
        japanese = PLAIN_JAPANESE.search(target) is not None
        line = to_line(row, line_breaks=self.task.line_breaks)
        sizes, asked = (len(source), len(target), len(example.question)), hash(folded(source))
        return _Whole(row.id, sizes, asked, hash(output), japanese, notes, f"{line}\n", f"{example.to_line()}\n")

    def add(self, split: str, id: str, made: Made) -> bool:
        """Write the rows that are new. Whether there were any."""
        audit = self.audit
        audit.read[split] += 1
        if made.lacks_system:
            audit.note(split, NO_SYSTEM, id)
        written = False
        for one in made.rows:
            if isinstance(one, _Dropped):
                audit.drop(split, one.reason, one.id)
            elif self._is_new(split, one):
                self._write(split, one)
                written = True
        return written

    def _is_new(self, split: str, one: _Whole) -> bool:
        """Whether a row is to be written, which then is known."""
        known, number, id = self._known, len(self._known.ids), one.id
        first = known.first.setdefault(one.source, number)
        before = None if first == number else SPLITS[known.splits[first]]
        if before == "train" and split == "dev":
            self.audit.drop(split, IN_TRAIN, f"{id} (first: {known.ids[first]})")
            return False
        whole = hash((split, one.source, one.output))
        if whole in known.rows:
            alike = before == split and known.outputs[first] == one.output
            self.audit.drop(split, "duplicate of another row", f"{id} (first: {known.ids[first]})" if alike else id)
            return False
        if before is not None:
            if before != split:
                self.audit.shared[Shared(split, "instruction", before)] += 1
            if known.outputs[first] != one.output:
                self.audit.note(split, AGAIN, f"{id} (first: {known.ids[first]})")
        known.rows.add(whole)
        known.ids.append(id)
        known.splits.append(SPLITS.index(split))
        known.outputs.append(one.output)
        return True

    def _write(self, split: str, one: _Whole) -> None:
        tsv, jsonl = self.files[split]
        tsv.write(one.line)
        jsonl.write(one.example)
        self.audit.kept[split] += 1
        for measure, size in zip(self._measures[split], one.sizes, strict=True):
            measure(size)
        if one.japanese:
            self._japanese[split] += 1
        for note in one.notes:
            self.audit.note(split, note, one.id)
