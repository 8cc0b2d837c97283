"""What was read, one after another -> the rows of the splits: a million of them need not be in memory.

Which split something is in depends on what it asks and the seed alone. Batches go through each step as a whole, which takes
three quarters of the time that it takes to bring each row through all steps.
"""

import hashlib
import math
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Generic, Protocol, TypeVar

from toi.data.audit import Audit, Shared
from toi.data.audit_table import reasons
from toi.data.examples import SPLITS, Example, Row, iterate_examples, iterate_rows
from toi.system.errors import InputError

Read = TypeVar("Read")  # a conversation, say
Made = TypeVar("Made")  # its rows
_Read = TypeVar("_Read", contravariant=True)
_AT_ONCE = 128  # of what is read
_BUFFER = 1 << 20  # bytes: with those of a page, writing a line takes twice as long
Files = dict[str, tuple[IO[str], IO[str]]]  # split -> its TSV, its Examples
# Split -> what goes through what is read for it, from the first on, and tells the audit what is removed of it.
Sources = dict[str, Callable[[Audit], Iterator[tuple[str, Read]]]]


def folded(text: str) -> str:
    """A text without what two writings of the same may differ in: white space and widths."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def position(seed: int, *texts: str) -> float:
    """Where in [0, 1) something stands by what it asks."""
    text = "\t".join([str(seed), *map(folded, texts)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) / 2**48


class Writer(Protocol[_Read, Made]):
    """Writes the rows of splits, and keeps account of them."""

    def make(self, id: str, one: _Read) -> Made:
        """The rows of what was read, whatever else was read and whichever split it is in."""
        ...

    def add(self, split: str, id: str, made: Made) -> bool:
        """Write what was made. Whether there was anything."""
        ...


@dataclass(frozen=True)
class Splitting(Generic[Read]):
    """What becomes which split."""

    asked: Callable[[Read], tuple[str, ...]]  # what is asked: two that ask the same are on one side
    asks: str  # what to call that: instruction, prompt
    seed: int
    dev_share: float  # of the training data, where there is no dev split
    test_share: float = 0.0  # likewise

    def split_of(self, place: float) -> str:
        """The split of what stands at a place, of training data that others are taken from."""
        return "dev" if place < self.dev_share else "test" if place >= 1 - self.test_share else "train"


def write_splits(
    folder: Path, sources: Sources[Read], make: Callable[[Files, Audit], Writer[Read, Made]], splitting: Splitting[Read]
) -> Audit:
    """Write the TSVs and the Examples of the splits into a folder, in the order of `sources`. Returns the audit.

    Where `sources` has no dev split, a share of the training data become it, at least one; there is a test split only if `sources`
    has one, or a share is asked for. Raises InputError if nothing is left of a split, or there is too little for two.
    """
    own_dev = "dev" in sources
    share = 0.0 if own_dev else splitting.dev_share
    audit, (low, high) = _attempt(folder, sources, make, splitting, share)
    if not own_dev and low <= high and not (audit.kept["train"] and audit.kept["dev"]):
        if low == high:
            raise InputError(f"one {splitting.asks} is too few to split; give more, or a --dev_file")
        share = high if audit.kept["dev"] else math.nextafter(low, 1)
        audit, _ = _attempt(folder, sources, make, splitting, share)
    for split in SPLITS:
        if not audit.kept[split] and (split != "test" or split in sources or splitting.test_share):
            why = reasons(audit.dropped, split) or "no rows were read"
            first = next((f"; the first is {note.id}" for note in audit.dropped if note.split == split), "")
            raise InputError(f"nothing is left of the {split} split: {why}{first}")
    return audit


def _attempt(
    folder: Path,
    sources: Sources[Read],
    make: Callable[[Files, Audit], Writer[Read, Made]],
    splitting: Splitting[Read],
    share: float,
) -> tuple[Audit, tuple[float, float]]:
    """`write_splits` with those below `share` in dev. With the audit come the lowest and the highest place of what was kept."""
    audit = Audit(unit="records")
    low, high = math.inf, -math.inf
    splitting = Splitting(splitting.asked, splitting.asks, splitting.seed, share, splitting.test_share)
    made = [split for split in SPLITS if split in sources or split == "dev" or splitting.test_share]
    for i, split in enumerate(made):
        audit.shared |= {Shared(split, splitting.asks, other): 0 for other in made[:i]}
    with ExitStack() as stack:
        files: Files = {
            split: (
                stack.enter_context(open(folder / f"{split}.tsv", "w", _BUFFER, encoding="utf-8", newline="\n")),
                stack.enter_context(open(folder / f"{split}.jsonl", "w", _BUFFER, encoding="utf-8", newline="\n")),
            )
            for split in made
        }
        writer = make(files, audit)
        for split, found in sources.items():
            parted = split == "train" and ("dev" not in sources or splitting.test_share > 0)
            for batch in _batches(found(audit)):
                asked = [splitting.asked(one) for _, one in batch] if parted else []
                places = [position(splitting.seed, *texts) for texts in asked] or [math.nan] * len(batch)
                rows = [writer.make(id, one) for id, one in batch]
                for (id, _), place, of_one in zip(batch, places, rows, strict=True):
                    into = splitting.split_of(place) if parted else split
                    if writer.add(into, id, of_one) and parted and into != "test":
                        low, high = min(place, low), max(place, high)
    return audit, (low, high)


def _batches(found: Iterator[Read]) -> Iterator[list[Read]]:
    """What is found, some at a time; before an error is raised comes what was found before it."""
    batch: list[Read] = []
    error = None
    while error is None:
        try:
            for one in islice(found, _AT_ONCE):
                batch.append(one)  # one by one: what came before an error is kept
        except InputError as raised:
            error = raised
        if not batch:
            break
        yield batch
        batch = []
    if error is not None:
        raise error


@dataclass(frozen=True)
class Written:
    """The rows of a split as they were written, with their Examples; none where the split was not made."""

    folder: Path
    split: str
    read: Callable[..., Iterator[Row]] = iterate_rows

    def __iter__(self) -> Iterator[tuple[Row, Example]]:
        path = self.folder / f"{self.split}.tsv"
        if path.is_file():
            yield from zip(self.read(path, line_breaks=True), iterate_examples(path.with_suffix(".jsonl")), strict=True)
