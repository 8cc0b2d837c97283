"""Conversations -> the rows of a data folder, and the account of them.

Of rows that were written only hashes are kept. They are Python's own, which differ from process to process: nothing that is written
depends on them.
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field

from toi.data.audit import Audit, Measured, Shared
from toi.data.conversations import Conversation, LossOn
from toi.data.examples import SPLITS, Example, Row
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


@dataclass
class Writer:
    """Writes the rows of splits, and keeps account of them."""

    task: Task
    loss_on: LossOn
    files: Files
    audit: Audit
    _known: _Known = field(default_factory=_Known)

    def __post_init__(self) -> None:
        self._fields = self.task.fields
        lengths = [
            self.audit.lengths.setdefault(Measured(part, "characters"), {split: array("I") for split in SPLITS})
            for part in ("source", "target", "instruction")
        ]
        self._measures = {split: [of_part[split].append for of_part in lengths] for split in SPLITS}  # type: ignore[attr-defined]
        self._japanese = self.audit.shares.setdefault(JAPANESE_OUTPUTS, Counter())

    def add(self, split: str, id: str, conversation: Conversation) -> bool:
        """Write the rows of a conversation. Whether there were any."""
        self.audit.read[split] += 1
        (_, asked), (_, said) = conversation.turns[:2]
        if not (asked.strip() and said.strip()):
            empty = [name for name, text in (("instruction", asked), ("response", said)) if not text.strip()]
            self.audit.drop(split, f"the {' and the '.join(empty)} {'are' if len(empty) > 1 else 'is'} empty", id)
            return False
        if conversation.input.strip() and not {"input", "context"} & self._fields:
            self.audit.drop(split, NO_INPUT, id)
            return False
        if conversation.system and "system" not in self._fields:
            self.audit.note(split, NO_SYSTEM, id)
        examples = list(conversation.examples(id, self.loss_on))
        if not examples:
            self.audit.drop(split, NOT_LEARNT, id)
        written = [self._add(split, example) for example in examples]
        return any(written)

    def _add(self, split: str, example: Example) -> bool:
        if "turns" in example.extra and "history" not in self._fields:
            self.audit.drop(split, NO_HISTORY, example.id)
            return False
        try:
            row = self.task.row(example)
        except NotRendered as error:
            raise InputError(f"{example.id}: {error}") from None
        except ValueError as error:
            self.audit.drop(split, str(error), example.id)
            return False
        output = folded(row.target)
        if not self._is_new(split, row, hash(output)):
            return False
        tsv, jsonl = self.files[split]
        tsv.write(to_line(row, line_breaks=self.task.line_breaks) + "\n")
        jsonl.write(example.to_line() + "\n")
        self._measure(split, row, example.question, output)
        return True

    def _is_new(self, split: str, row: Row, output: int) -> bool:
        """Whether a row is to be written, which then is known; `output` is a hash."""
        known, number = self._known, len(self._known.ids)
        source = folded(row.source)
        asked = hash(source)
        first = known.first.get(asked)
        if first is not None and split == "dev" and SPLITS[known.splits[first]] == "train":
            self.audit.drop(split, IN_TRAIN, f"{row.id} (first: {known.ids[first]})")
            return False
        whole = hash((split, source, output))
        if whole in known.rows:
            place = row.id
            if first is not None and known.outputs[first] == output and SPLITS[known.splits[first]] == split:
                place += f" (first: {known.ids[first]})"
            self.audit.drop(split, "duplicate of another row", place)
            return False
        if first is None:
            known.first[asked] = number
        else:
            other = SPLITS[known.splits[first]]
            if other != split:
                self.audit.shared[Shared(split, "instruction", other)] += 1
            if known.outputs[first] != output:
                self.audit.note(split, AGAIN, f"{row.id} (first: {known.ids[first]})")
        known.rows.add(whole)
        known.ids.append(row.id)
        known.splits.append(SPLITS.index(split))
        known.outputs.append(output)
        return True

    def _measure(self, split: str, row: Row, asked: str, output: str) -> None:
        self.audit.kept[split] += 1
        for measure, text in zip(self._measures[split], (row.source, row.target, asked), strict=True):
            measure(len(text))
        self._japanese[split] += PLAIN_JAPANESE.search(row.target) is not None
        instruction = folded(asked)
        if output.startswith(instruction) and (len(instruction) >= _REPEATED or output == instruction):
            self.audit.note(split, REPEATS, row.id)
        if row.target != row.target.strip():
            self.audit.note(split, ENDS, row.id)
