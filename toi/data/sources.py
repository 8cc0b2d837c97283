"""Where the records of a data folder come from: files of any usual form, or a data set of the hub."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from toi.data.audit import Audit
from toi.data.examples import SPLITS
from toi.data.hub_records import hub_records
from toi.data.options import FolderOptions
from toi.data.table_files import Record, form_of, read_records
from toi.data.tsv import unescape
from toi.system.errors import InputError
from toi.system.files import find_files, sha256

_PLAIN = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
ENDINGS = (*_PLAIN, *(f"{ending}.gz" for ending in _PLAIN))  # of the files of a folder that are read
_HINT = "give a file, a folder or a glob"
SHARE = 0.05
REMOVED = "control characters removed"
_MOST_SAID = 20  # lines of what was taken for what
Found = TypeVar("Found")


@dataclass
class DataOptions(FolderOptions):
    """Options of the prepare scripts that read files of several forms."""

    train_file: str | None = None
    """Training data: a file, a folder or a glob of CSV, TSV, JSON, JSON Lines or Parquet."""
    dev_file: str | None = None
    """Dev data, likewise. [default: some of the training data]"""
    test_file: str | None = None
    """Test data, likewise. [default: there is no test split]"""
    dataset_name: str | None = None
    """A data set of the Hugging Face hub, instead of files."""
    dataset_config: str | None = None
    """The configuration of the data set, where it has several."""
    dataset_split: str = "train"
    """Its split to train on."""
    dataset_dev_split: str | None = None
    """Its split that is the dev split. [default: some of the training data]"""
    dataset_test_split: str | None = None
    """Its split that is the test split. [default: there is no test split]"""
    streaming: bool = False
    """Read the data set from the hub without keeping a copy."""
    output_dir: str = "data"
    """The data folder to write."""
    seed: int = 42
    """Chooses the dev split, where no file is given for it."""
    validation_size: float | None = None
    """The share of the training data that becomes the dev split, from 0.01 to 0.5; a row at least. [default: 0.05]"""
    no_header: bool = False
    """The first row of a spreadsheet is data, not the names of the columns."""
    remove_control_characters: bool = False
    """Remove and count control characters instead of refusing them."""
    license: str = "unknown"
    """The licence of the data, for task.json."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        if (self.train_file is None) == (self.dataset_name is None):
            problems.append("give --train_file or --dataset_name" + (", not both" if self.train_file else ""))
        for name in ("dataset_config", "dataset_dev_split", "dataset_test_split", "streaming"):
            if getattr(self, name) and self.dataset_name is None:
                problems.append(f"--{name} needs --dataset_name")
        if self.dev_file and self.dataset_dev_split:
            problems.append("give --dev_file or --dataset_dev_split, not both")
        if self.test_file and self.dataset_test_split:
            problems.append("give --test_file or --dataset_test_split, not both")
        if self.validation_size is not None:
            if not 0.01 <= self.validation_size <= 0.5:
                problems.append(f"--validation_size must be from 0.01 to 0.5, not {self.validation_size}")
            if self.dev_file or self.dataset_dev_split:
                problems.append("--validation_size is for data without a dev split of its own; leave it out")
        return problems

    def typed(self, name: str) -> str | None:
        """A text of an option, in which `\\n` is a line break, which is hard to type. Raises InputError for another escape."""
        text = getattr(self, name)
        try:
            return None if text is None else unescape(text).replace("\r\n", "\n").replace("\r", "\n")
        except ValueError as error:
            raise InputError(f"--{name}: {error}") from None

    def files(self) -> dict[str, list[Path]]:
        """The files of each split that has some. Raises InputError for a name without any."""
        given = {"train": self.train_file, "dev": self.dev_file, "test": self.test_file}
        return {split: find_files(pattern, ENDINGS, _HINT) for split, pattern in given.items() if pattern}

    @property
    def share(self) -> float:
        """The share of the training data that becomes the dev split."""
        return SHARE if self.validation_size is None else self.validation_size

    def recipe(self, files: dict[str, list[Path]]) -> dict[str, Any]:
        """What `task.json` says of the data, so that another run with the same makes the same; what is as ever is left out."""
        recipe: dict[str, Any] = {
            "name": self.dataset_name or Path(self.train_file or "").stem,
            "license": self.license,
            "seed": self.seed,
            "files": {split: {path.name: sha256(path) for path in paths} for split, paths in files.items()},
            "validation_size": None if "dev" in files or self.dataset_dev_split else self.validation_size or SHARE,
        }
        if self.dataset_name is not None:
            recipe["dataset"] = {
                name: getattr(self, f"dataset_{name}") for name in ("name", "config", "split", "dev_split", "test_split")
            }
        others = {"no_header": self.no_header, "remove_control_characters": self.remove_control_characters}
        return recipe | {name: value for name, value in others.items() if value}


class Part(NamedTuple):
    """A file, or a split of a data set of the hub, on its way to rows."""

    name: str  # what to call it: with the form of a file
    spreadsheet: bool  # whether it may lack a header
    records: Iterator[Record]
    place: str  # what its places begin with, and ids do not

    def id(self, place: str) -> str:
        """The id of what stands at a place: without the folder of the file, or the name of the data set."""
        return place.removeprefix(self.place).replace(": [", "[")


def parts_of(options: DataOptions, files: dict[str, list[Path]]) -> dict[str, Callable[[], Iterator[Part]]]:
    """Split -> what goes through its files, or its split of the data set of the hub, from the first on; train first."""
    parts: dict[str, Callable[[], Iterator[Part]]] = {split: partial(_of_files, paths, options) for split, paths in files.items()}
    if options.dataset_name is not None:
        of_hub = {"train": options.dataset_split, "dev": options.dataset_dev_split, "test": options.dataset_test_split}
        parts |= {split: partial(_of_hub, name, options) for split, name in of_hub.items() if name}
    return {split: parts[split] for split in SPLITS if split in parts}


def _of_files(paths: list[Path], options: DataOptions) -> Iterator[Part]:
    """Folders are left out of ids where the names of the files differ."""
    unique = len({path.name for path in paths}) == len(paths)
    for path in paths:
        form = form_of(path, header=not options.no_header)
        folder = str(path.parent) + "/" if unique and path.parent != Path() else ""
        records = read_records(path, header=not options.no_header, form=form)
        yield Part(f"{path}: {form}", form.spreadsheet, records, folder)


def _of_hub(name: str, options: DataOptions) -> Iterator[Part]:
    """Ids are the split, and the number of the row from 0 on."""
    assert options.dataset_name is not None
    records = hub_records(options.dataset_name, options.dataset_config, name, streaming=options.streaming)
    yield Part(f"{options.dataset_name}: {name}", False, records, f"{options.dataset_name}: ")


@dataclass
class Telling(Generic[Found]):
    """Chooses columns, and lets the audit say once what it took for what, and of which file."""

    choose: Callable[[Sequence[str], str], Found]
    what: str
    audit: Audit
    _last: Found | None = None
    _names: Sequence[str] | None = None

    def __call__(self, names: Sequence[str], place: str) -> Found:
        """The columns of the record at a place."""
        if self._last is not None and names == self._names:
            return self._last
        columns, self._names = self.choose(names, place), names
        if columns is not self._last:
            self._last = columns
            line = f"{self.what}; {columns}"
            if line not in self.audit.files and len(self.audit.files) < _MOST_SAID:
                self.audit.files.append(line)
        return columns
