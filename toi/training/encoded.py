"""A TSV as token ids in a memory-mapped Arrow file: what is trained on does not have to fit into memory.

The file is made once for each content: its place is named by what the TSV, the tokenizer and the limits are, so that
a changed file is encoded anew and an unchanged one is not. It is kept where Hugging Face `datasets` keeps its own
(`HF_DATASETS_CACHE`, else `~/.cache/huggingface/datasets`), in `toi/`, and may be removed at any time.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pyarrow.compute
from datasets.arrow_writer import ArrowWriter

from toi.data.examples import iterate_rows
from toi.models.batches import Encoded, truncate
from toi.models.tokenizer import Tokenizer
from toi.system.errors import InputError
from toi.system.files import check_writable, read_json, replacing_folder, sha256, write_json

_FORMAT = 1  # of the files; another number makes them anew
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
    source: str = ""  # the first row, decoded back from its ids
    target: str = ""

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows; cut to the limits: {self.sources_cut:,} sources, {self.targets_cut:,} targets; "
            f"<unk>: {self.unknown:,} of {self.tokens:,} tokens, in {self.rows_with_unknown:,} rows"
        )


class TokenRows(Sequence[Encoded]):
    """Encoded rows, read from where they are stored when they are asked for."""

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

    def select(self, indices: Sequence[int]) -> "TokenRows":
        """These rows only, in this order."""
        selected = TokenRows(self._dataset)
        selected._dataset = self._dataset.select(indices)
        selected.source_lengths, selected.target_lengths = self.source_lengths[indices], self.target_lengths[indices]
        return selected


def token_rows(
    path: str | Path, tokenizer: Tokenizer, max_input_length: int, max_target_length: int
) -> tuple[TokenRows, TokenAudit]:
    """The rows of a TSV, cut to the limits (in tokens, the end-of-sequence id included and kept), and what was seen of them.

    Raises InputError if the TSV or the cache cannot be used.
    """
    key = hashlib.sha256(f"{_FORMAT} {sha256(path)} {tokenizer.fingerprint()} {max_input_length} {max_target_length}".encode())
    folder = Path(datasets.config.HF_DATASETS_CACHE) / "toi" / key.hexdigest()[:32]
    if (known := _read(folder)) is not None:
        return known
    check_writable(folder.parent)
    with replacing_folder(folder) as new:
        audit = _encode(path, tokenizer, max_input_length, max_target_length, new / "rows.arrow")
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


def _encode(path: str | Path, tokenizer: Tokenizer, max_input_length: int, max_target_length: int, to: Path) -> TokenAudit:
    """Write the Arrow file, a part at a time."""
    audit = TokenAudit()
    with ArrowWriter(features=_FEATURES, path=str(to)) as writer:
        all_rows = iterate_rows(path)
        while rows := list(islice(all_rows, _AT_ONCE)):
            sources = tokenizer.encode_batch([row.source for row in rows])
            targets = tokenizer.encode_batch([row.target for row in rows])
            if not audit.rows:
                audit.source, audit.target = tokenizer.decode_batch([sources[0], targets[0]], added=True)
            for source, target in zip(sources, targets, strict=True):
                unknown = source.count(tokenizer.unk_id) + target.count(tokenizer.unk_id) if tokenizer.unk_id is not None else 0
                audit.rows += 1
                audit.tokens += len(source) + len(target)
                audit.unknown += unknown
                audit.rows_with_unknown += unknown > 0
                audit.sources_cut += len(source) > max_input_length
                audit.targets_cut += len(target) > max_target_length
            columns = {
                "source": [truncate(ids, max_input_length) for ids in sources],
                "target": [truncate(ids, max_target_length) for ids in targets],
            }
            writer.write_batch(columns)
        writer.finalize()
    return audit
