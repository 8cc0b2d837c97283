"""A TSV as token ids in a memory-mapped Arrow file: what is trained on does not have to fit into memory.

The file is made once for each content: its place is named by what the TSV, the tokenizer and the limits are, so that
a changed file is encoded anew and an unchanged one is not. It is kept where Hugging Face `datasets` keeps its own
(`HF_DATASETS_CACHE`, else `~/.cache/huggingface/datasets`), in `toi/`, and may be removed at any time.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import numpy
import pyarrow
import pyarrow.compute
from datasets.arrow_writer import ArrowWriter

from toi.data.examples import Row, iterate_rows
from toi.models.batches import Encoded, sorted_batches
from toi.models.contexts import Contexts
from toi.models.family import Family, Limits
from toi.models.showing import shown
from toi.system.errors import InputError
from toi.system.files import check_writable, read_json, replacing_folder, sha256, write_json

if TYPE_CHECKING:
    from toi.models.padded import Batch

Reader = Callable[..., Iterator[Row]]  # of a TSV, by its path and line_breaks

_FORMAT = 3  # of the files; another number makes them anew
_END = b"\xff\xff\xff\xff\0\0\0\0"  # of every Arrow stream; where the machine died while it was written, there may be zeros
_AT_ONCE = 1000  # rows encoded together
_FEATURES = datasets.Features({name: datasets.List(datasets.Value("int32")) for name in ("source", "target")})


@dataclass
class TokenAudit:
    """What the model will and will not see of a file."""

    rows: int = 0
    tokens: int = 0  # of sources and targets, before they are cut
    unknown: int = 0  # tokens that are <unk>
    rows_with_unknown: int = 0
    sources_cut: int = 0  # sources that were longer than the limit
    targets_cut: int = 0
    first: str = ""  # the first row, decoded back from its ids (toi/models/showing.py)

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows; cut to the limits: {self.sources_cut:,} sources, {self.targets_cut:,} targets; "
            f"<unk>: {self.unknown:,} of {self.tokens:,} tokens, in {self.rows_with_unknown:,} rows"
        )


class TokenRows(Sequence[Encoded]):
    """Encoded rows, read from where they are stored when they are asked for."""

    noun = "row"  # what is counted
    contexts: Contexts | None = None  # which of them begin alike, where batches make use of it

    def __init__(self, dataset: datasets.Dataset):
        self._dataset = dataset
        lengths = [pyarrow.compute.list_value_length(dataset.data.column(name)).to_numpy() for name in ("source", "target")]
        self.source_lengths, self.target_lengths = lengths  # in tokens, (rows,)

    @classmethod
    def of(cls, rows: Iterable[Encoded]) -> "TokenRows":
        """Rows in memory, for a few of them."""
        rows = list(rows)
        columns = {"source": [row.source for row in rows], "target": [row.target for row in rows]}
        return cls(datasets.Dataset.from_dict(columns, features=_FEATURES))

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, i: Any) -> Any:
        row = self._dataset[int(i)]
        return Encoded(row["source"], row["target"])

    def sources(self) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
        """The ids of the sources one behind the other, (tokens,), and how many each has, (rows,): some rows at a time."""
        for table in self._dataset.with_format("arrow").iter(_AT_ONCE):
            column = table.column("source").combine_chunks()
            yield column.flatten().to_numpy(), pyarrow.compute.list_value_length(column).to_numpy()

    def counted(self, indices: Sequence[int]) -> int:
        """What a loss of these rows, which is a sum, is divided by: their target tokens."""
        return int(self.target_lengths[indices].sum())

    def widths(self, family: Family) -> numpy.ndarray:
        """How many tokens each costs in a batch: (rows,)."""
        return family.widths(self.source_lengths, self.target_lengths)

    def encoded(self, indices: Sequence[int]) -> list[Encoded]:
        """These rows."""
        return [self[i] for i in indices]

    def collate(self, family: Family, encoded: Sequence[Encoded], indices: Sequence[int]) -> "Batch":
        """A batch of rows with these indices, encoded as the model is to read them."""
        return family.collate(encoded)

    def share_contexts(self, family: Family) -> str | None:
        """Note which rows begin alike, and let the family read that once, where it helps; says so then."""
        self.contexts = family.share_contexts(self.sources(), self.target_lengths)
        return None if self.contexts is None else str(self.contexts)

    def fingerprint(self) -> str:
        """The SHA-256 of the ids."""
        digest = hashlib.sha256()
        for table in self._dataset.with_format("arrow").iter(_AT_ONCE):
            for name in ("source", "target"):
                column = table.column(name).combine_chunks()
                digest.update(column.flatten().to_numpy().tobytes())
                digest.update(pyarrow.compute.list_value_length(column).to_numpy().tobytes())
        return digest.hexdigest()

    def batches(self, widths: numpy.ndarray, batch_size: int) -> list[list[int]]:
        """Indices of all rows in batches of like length, the longest first."""
        return sorted_batches(widths, batch_size) if self.contexts is None else self.contexts.sorted_batches(batch_size)

    def select(self, indices: Sequence[int]) -> "TokenRows":
        """These rows only, in this order."""
        selected = TokenRows(self._dataset)
        selected._dataset = self._dataset.select(indices)
        selected.source_lengths, selected.target_lengths = self.source_lengths[indices], self.target_lengths[indices]
        return selected


def cache_folder(about: "hashlib._Hash") -> Path:
    """Where something is kept that is made once for each content."""
    return Path(datasets.config.HF_DATASETS_CACHE) / "toi" / about.hexdigest()[:32]


def token_rows(
    path: str | Path, family: Family, limits: Limits, line_breaks: bool = False, read: Reader = iterate_rows
) -> tuple[TokenRows, TokenAudit]:
    """The rows of a TSV, cut to the limits, and what was seen of them.

    `line_breaks` is what the task of the TSV says of them, and `read` makes rows of its lines. Raises InputError if the TSV or the
    cache cannot be used.
    """
    about = f"{_FORMAT} {sha256(path)} {family.row_key()} {limits.source} {limits.target} {line_breaks}"
    about += "" if read is iterate_rows else f" {read.__name__}"
    folder = cache_folder(hashlib.sha256(about.encode()))
    if (known := _read(folder)) is not None:
        return known
    check_writable(folder.parent)
    with replacing_folder(folder) as new:
        audit = _encode(read(path, line_breaks=line_breaks), family, limits, new / "rows.arrow")
        write_json(new / "audit.json", asdict(audit))
    return TokenRows(datasets.Dataset.from_file(str(folder / "rows.arrow"))), audit


def _read(folder: Path) -> tuple[TokenRows, TokenAudit] | None:
    """What a folder of the cache holds; None if it is not there, or damaged."""
    try:
        audit = TokenAudit(**read_json(folder / "audit.json"))
        with open(folder / "rows.arrow", "rb") as file:
            file.seek(-len(_END), os.SEEK_END)
            whole = file.read() == _END
        rows = TokenRows(datasets.Dataset.from_file(str(folder / "rows.arrow")))
        whole = whole and all(type(value) is type(getattr(TokenAudit, name)) for name, value in vars(audit).items())
    except (InputError, OSError, TypeError, KeyError, pyarrow.ArrowException):
        return None
    return (rows, audit) if whole and len(rows) == audit.rows else None


def _encode(all_rows: Iterator[Row], family: Family, limits: Limits, to: Path) -> TokenAudit:
    """Write the Arrow file, a part at a time."""
    audit = TokenAudit()
    with ArrowWriter(features=_FEATURES, path=str(to)) as writer:
        while rows := list(islice(all_rows, _AT_ONCE)):
            encoded = family.encode([row.source for row in rows], [row.target for row in rows], limits)
            if not audit.rows:
                audit.first = shown(family.tokenizer, encoded[0])
            for row in encoded:
                audit.rows += 1
                audit.tokens += len(row.source) + row.source_cut + len(row.target) + row.target_cut
                audit.unknown += row.unknown
                audit.rows_with_unknown += row.unknown > 0
                audit.sources_cut += row.source_cut > 0
                audit.targets_cut += row.target_cut > 0
            writer.write_batch({"source": [row.source for row in encoded], "target": [row.target for row in encoded]})
        writer.finalize()
    return audit
