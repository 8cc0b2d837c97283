"""What was read, one after another -> the rows of the splits: a million of them need not be in memory.

Which split something is in depends on what it asks and the seed alone.
"""

import hashlib
import math
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Generic, Protocol, TypeVar

from toi.data.audit import Audit, Shared
from toi.data.audit_table import reasons
from toi.data.examples import SPLITS, Example, Row, iterate_examples, iterate_rows
from toi.system.errors import InputError

Read = TypeVar("Read")  # a conversation, say
_Read = TypeVar("_Read", contravariant=True)
Files = dict[str, tuple[IO[str], IO[str]]]  # split -> its TSV, its Examples
# Split -> what goes through what is read for it, from the first on, and tells the audit what is removed of it.
Sources = dict[str, Callable[[Audit], Iterator[tuple[str, Read]]]]


@lru_cache(maxsize=16)  # what is asked is folded several times, soon one after the other
def folded(text: str) -> str:
    """A text without what two writings of the same may differ in: white space and widths."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def position(seed: int, *texts: str) -> float:
    """Where in [0, 1) something stands by what it asks."""
    text = "\t".join([str(seed), *map(folded, texts)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) / 2**48


class Writer(Protocol[_Read]):
    """Writes the rows of splits, and keeps account of them."""

    def add(self, split: str, id: str, one: _Read) -> bool:
        """Write the rows of what was read. Whether there were any."""
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
    folder: Path, sources: Sources[Read], make: Callable[[Files, Audit], Writer[Read]], splitting: Splitting[Read]
) -> Audit:
    """Write the TSVs and the Examples of the splits into a folder, in the order of `sources`. Returns the audit.

    Where `sources` has no dev split, a share of the training data become it, at least one; there is a test split only if `sources`
    has one, or a share is asked for. Raises InputError if nothing is left of a split, or there is too little for two.
    """
    own_dev = "dev" in sources
    share = 0.0 if own_dev else splitting.dev_share
    audit, places = _attempt(folder, sources, make, splitting, share)
    if not own_dev and places and not (audit.kept["train"] and audit.kept["dev"]):
        low, high = min(places), max(places)
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
    folder: Path, sources: Sources[Read], make: Callable[[Files, Audit], Writer[Read]], splitting: Splitting[Read], share: float
) -> tuple[Audit, list[float]]:
    """`write_splits` with those below `share` in dev. With the audit come the lowest and the highest place of what was kept."""
    audit = Audit(unit="records")
    places: list[float] = []
    splitting = Splitting(splitting.asked, splitting.asks, splitting.seed, share, splitting.test_share)
    made = [split for split in SPLITS if split in sources or split == "dev" or splitting.test_share]
    for i, split in enumerate(made):
        audit.shared |= {Shared(split, splitting.asks, other): 0 for other in made[:i]}
    with ExitStack() as stack:
        files: Files = {
            split: (
                stack.enter_context(open(folder / f"{split}.tsv", "w", encoding="utf-8", newline="\n")),
                stack.enter_context(open(folder / f"{split}.jsonl", "w", encoding="utf-8", newline="\n")),
            )
            for split in made
        }
        writer = make(files, audit)
        for split, found in sources.items():
            for id, one in found(audit):
                if split != "train" or ("dev" in sources and not splitting.test_share):
                    writer.add(split, id, one)
                    continue
                place = position(splitting.seed, *splitting.asked(one))
                into = splitting.split_of(place)
                if writer.add(into, id, one) and into != "test":
                    places = [min(place, *places), max(place, *places)] if places else [place, place]
    return audit, places


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
