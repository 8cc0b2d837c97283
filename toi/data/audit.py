"""What became of a data set: counts, what is shared between splits, lengths. Numbers only.

The table and `report.json` are written by toi/data/audit_table.py, `report.png` is drawn by toi/data/audit_picture.py.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import NamedTuple, Protocol

from toi.data.examples import SPLITS, Example, Row
from toi.data.tasks import HIGHLIGHT, Task
from toi.data.templates import CONTEXT_LABEL
from toi.text.normalization import normalize, normalize_lines

Rows = Iterable[tuple[Row, Example]]  # of a split, each with what it was made of; it can be gone through several times
BySplit = dict[str, int]
TOKENIZED = ("source", "target")  # the parts of a row that a model sees
_AT_ONCE = 4096  # rows encoded together


class AuditTokenizer(Protocol):
    """What an audit needs of the tokenizer of a model. `<hl>` is a token of it."""

    @property
    def unk_id(self) -> int | None:
        """The id of what the vocabulary cannot say, if there is one."""

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, with what ends a sequence: as many as count against the limits."""

    def is_unknown(self, character: str) -> bool:
        """Whether the vocabulary has no token of its own for a character."""

    def follow(self, task: Task) -> None:
        """Encode as the rows of this task are."""

    def shown(self, row: Row, limits: dict[str, int]) -> str | None:
        """A row of that task within the limits, as its model sees it, in a line; None where that is not known."""


class Note(NamedTuple):
    """What is said of a question: why it was dropped, or what is doubtful about it."""

    split: str
    reason: str
    id: str


class Shared(NamedTuple):
    """Rows of `split` that have the same `part` (context, question) as a row of the split `other`."""

    split: str
    part: str
    other: str


class Measured(NamedTuple):
    """What is measured (source, target, context), and in what (characters, tokens)."""

    part: str
    unit: str


@dataclass
class TokenCounts:
    """What a tokenizer makes of the rows."""

    limits: dict[str, int]  # of sources and targets, in tokens
    cut: dict[str, BySplit] = field(default_factory=dict)  # sources, targets that are longer; answers that end behind it
    unknown: dict[str, BySplit] = field(default_factory=dict)  # in sources, in targets: tokens <unk>
    characters: Counter[str] = field(default_factory=Counter)  # without a token of their own -> times


@dataclass
class Audit:
    """The account of one prepare run. Filled while rows are made, completed by `look_at` and `count_tokens`."""

    read: Counter[str] = field(default_factory=Counter)  # split -> questions
    kept: Counter[str] = field(default_factory=Counter)  # split -> rows
    dropped: list[Note] = field(default_factory=list)
    ambiguous: list[Note] = field(default_factory=list)  # kept all the same
    shared: dict[Shared, int] = field(default_factory=dict)  # -> rows
    lengths: dict[Measured, dict[str, Sequence[int]]] = field(default_factory=dict)  # -> split -> of every row
    unit: str = "questions"  # what is read
    files: list[str] = field(default_factory=list)  # what each was taken for, where it had to be found out
    noted: list[Note] = field(default_factory=list)  # kept all the same, too: what else may not be meant so
    counted: dict[str, Counter[str]] = field(default_factory=dict)  # what is counted beside -> split -> how many
    shares: dict[str, Counter[str]] = field(default_factory=dict)  # what some of the rows that are kept are -> split -> rows
    tokenizer: str | None = None  # its name
    tokens: TokenCounts | None = None
    first_row: str | None = None  # of train, as the model of the tokenizer sees it

    def drop(self, split: str, reason: str, id: str) -> None:
        """Note a question that makes no row."""
        self.dropped.append(Note(split, reason, id))

    def doubt(self, split: str, why: str, id: str) -> None:
        """Note a row whose highlight may be another than the annotators meant."""
        self.ambiguous.append(Note(split, why, id))

    def note(self, split: str, what: str, id: str) -> None:
        """Note something about a row that is kept."""
        self.noted.append(Note(split, what, id))

    def count(self, what: str, split: str, number: int = 1) -> None:
        """Count something beside the rows."""
        self.counted.setdefault(what, Counter())[split] += number

    def look_at(self, rows: Mapping[str, Rows]) -> None:
        """Compare the splits and measure the rows in characters."""
        for left, right in (("train", "dev"), ("train", "test"), ("dev", "test")):
            for part in ("context", "question"):
                known = {normalize(getattr(example, part)) for _, example in rows[left]} - {""}  # some tasks have no question
                count = sum(1 for _, example in rows[right] if normalize(getattr(example, part)) in known)
                self.shared[Shared(right, part, left)] = count
        texts = {
            "source": {split: [row.source for row, _ in rows[split]] for split in SPLITS},
            "target": {split: [row.target for row, _ in rows[split]] for split in SPLITS},
            "context": {split: [example.context for _, example in rows[split]] for split in SPLITS},
        }
        for part, by_split in texts.items():
            self.lengths[Measured(part, "characters")] = {split: list(map(len, by_split[split])) for split in SPLITS}

    def count_tokens(
        self,
        rows: Mapping[str, Rows],
        tokenizer: AuditTokenizer,
        name: str,
        limits: dict[str, int],
        task: Task | None = None,
        *,
        context_last: bool | None = True,
    ) -> None:
        """Measure the rows in tokens too, and count what goes beyond the limits of sources and targets.

        `task` is what made them: a chat template says what is a special token, and a row is shown as a model sees it.
        Only where the context stands last an answer may be cut off with its end (toi/data/layout.py); None: answers are not of it.
        """
        self.tokenizer, self.tokens = name, TokenCounts(limits)
        if task is not None:
            tokenizer.follow(task)
            self.first_row = next((tokenizer.shown(row, limits) for row, _ in rows["train"]), None)
        for part in TOKENIZED:
            lengths: dict[str, Sequence[int]] = {}
            cut, unknown = {}, {}
            for split in SPLITS:
                found: list[int] = []
                unknown[split] = 0
                for texts in _batches(getattr(row, part) for row, _ in rows[split]):
                    encoded = tokenizer.encode_batch(texts)
                    found.extend(map(len, encoded))
                    unknown[split] += sum(ids.count(tokenizer.unk_id) for ids in encoded if tokenizer.unk_id is not None)
                lengths[split] = found
                cut[split] = sum(length > limits[part] for length in found)
            self.lengths[Measured(part, "tokens")] = lengths
            self.tokens.cut[part], self.tokens.unknown[part] = cut, unknown
        if context_last is not None:
            self.tokens.cut["answer"] = {
                split: sum(context_last and _answer_is_cut(*pair, tokenizer, limits["source"]) for pair in rows[split])
                for split in SPLITS
            }
        characters: Counter[str] = Counter()
        for split, part in product(SPLITS, TOKENIZED):
            for row, _ in rows[split]:
                characters.update(getattr(row, part))
        self.tokens.characters = Counter({c: n for c, n in characters.items() if tokenizer.is_unknown(c)})


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    texts = iter(texts)
    while batch := list(islice(texts, _AT_ONCE)):
        yield batch


def _answer_is_cut(row: Row, example: Example, tokenizer: AuditTokenizer, limit: int) -> bool:
    """Whether the answer, in the source, ends behind the last token that is kept."""
    if not example.answers:
        return False
    end = row.source.rfind(HIGHLIGHT)
    if end < 0:
        answer = (normalize_lines if "\n" in row.source else normalize)(example.answers[0].text)
        at = row.source.find(answer, max(0, row.source.find(CONTEXT_LABEL)))
        end = at + len(answer) if at >= 0 else 0
    # Where even the characters are fewer than the limit, so are the tokens (the bytes of rare ones apart).
    return len(row.source) * 3 >= limit and len(tokenizer.encode_batch([row.source[:end]])[0]) > limit


def percentile(values: Sequence[int] | Counter[int], percent: int) -> int:
    """The smallest value that is not below `percent` of the values, which may be counted already."""
    below, counts = 0, Counter(values)  # a million lengths are a few hundred different ones
    total = counts.total()
    for value in sorted(counts):
        below += counts[value]
        if below * 100 >= total * percent:
            return value
    raise ValueError("no values")
