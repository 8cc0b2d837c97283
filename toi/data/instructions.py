"""Instructions in files of any usual form, or a data set of the hub -> a data folder."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from toi.data.audit import Audit, AuditTokenizer
from toi.data.columns import OPTIONS, Chooser, Columns
from toi.data.conversations import Conversation, LossOn, conversations
from toi.data.examples import SPLITS
from toi.data.folder import refuse_other, write_account
from toi.data.hub_records import hub_records
from toi.data.instruction_rows import Sources, Written, write_splits
from toi.data.table_files import form_of, read_records
from toi.data.tasks import TARGET_SEPARATOR, Task
from toi.data.templates import INSTRUCTION_TEMPLATES
from toi.data.tsv import unescape
from toi.system.errors import InputError
from toi.system.files import matching_files, replacing_folder, sha256
from toi.system.options import at_least
from toi.text.normalization import Normalization

TemplateName = Literal["alpaca-ja", "alpaca", "plain"]
ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")  # of the files of a folder that are read, and these with .gz
SHARE = 0.05
REMOVED = "control characters removed"
_MOST_SAID = 20  # lines of what was taken for what


@dataclass
class InstructionOptions:
    """Options of the prepare script for instructions."""

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
    output_dir: str = "data_instructions"
    """The data folder to write."""
    overwrite_output_dir: bool = False
    """Replace a data folder that was made from other files or with other options."""
    seed: int = 42
    """Chooses the dev split, where no file is given for it."""
    validation_size: float | None = None
    """The share of the training data that becomes the dev split, from 0.01 to 0.5; a row at least. [default: 0.05]"""
    prompt_column: str | None = None
    """The column of the instructions, its name or its number from 1. [default: known by its name, in English or Japanese]"""
    input_column: str | None = None
    """The column of the inputs that some instructions have, likewise."""
    response_column: str | None = None
    """The column of the responses, likewise."""
    system_column: str | None = None
    """The column of the system texts, likewise."""
    no_header: bool = False
    """The first row of a spreadsheet is data, not the names of the columns."""
    system: str = ""
    """The system text of rows that have none."""
    template: TemplateName = "alpaca-ja"
    """How an instruction is put to the model."""
    source_template: str | None = None
    """One's own, with the fields {instruction} {input} {system} {history}; \\n is a line break."""
    source_template_without_input: str | None = None
    """One's own for instructions without an input. [default: those are dropped if --source_template has {input}]"""
    target_separator: str | None = None
    """What a decoder-only model reads between source and target. [default: \\n, a line break]"""
    loss_on: LossOn = "all"
    """Learn every response of a conversation, or the last alone."""
    normalization: Literal["none", "nfkc", "full"] = "none"
    """What is done to texts: nothing, NFKC, or NFKC and neologdn line by line as for the other tasks."""
    remove_control_characters: bool = False
    """Remove and count control characters instead of refusing them."""
    tokenizer_name_or_path: str | None = None
    """Count tokens, <unk> and truncation with the tokenizer of this model."""
    max_input_length: int = 512
    """The limit of sources in tokens, for counting what would be cut."""
    max_target_length: int = 64
    """The limit of targets in tokens, for counting what would be cut."""
    license: str = "unknown"
    """The licence of the data, for task.json."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = at_least(self, 2, "max_input_length", "max_target_length")
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
        if self.source_template_without_input is not None and self.source_template is None:
            problems.append("--source_template_without_input needs --source_template")
        try:
            self.task()
        except InputError as error:
            problems.append(str(error))
        return problems

    def task(self) -> Task:
        """What the model is asked. Raises InputError for a template that cannot be."""
        source, target, without_input = INSTRUCTION_TEMPLATES[self.template]
        normalization = Normalization(line_breaks=True, method=self.normalization)
        if self.source_template is not None:
            source, without_input = self._typed("source_template") or "", self._typed("source_template_without_input")
        between = self._typed("target_separator")
        between = TARGET_SEPARATOR if between is None else between
        name = self.template if self.source_template is None else "instructions-own"
        return Task(name, source, target, normalization, None, between, without_input)

    def _typed(self, name: str) -> str | None:
        """A text of an option, in which `\\n` is a line break, which is hard to type."""
        text = getattr(self, name)
        try:
            return None if text is None else unescape(text).replace("\r\n", "\n").replace("\r", "\n")
        except ValueError as error:
            raise InputError(f"--{name}: {error}") from None

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are given, by what they hold."""
        given = {role: getattr(self, f"{name}_column") for role, name in OPTIONS.items()}
        return {role: name for role, name in given.items() if name is not None}


def prepare_instructions(options: InstructionOptions, task: Task, tokenizer: AuditTokenizer | None = None) -> Audit:
    """Make the data folder of `task`; `tokenizer` is the one that the options name. Returns the audit.

    Raises InputError before the folder is there if an input is wrong, or if it holds other data.
    """
    given = {"train": options.train_file, "dev": options.dev_file, "test": options.test_file}
    files = {split: find_files(pattern) for split, pattern in given.items() if pattern}
    recipe = _recipe(options, files)
    refuse_other(options.output_dir, task, recipe, options.overwrite_output_dir)
    sources: Sources = {split: partial(_of_files, split, paths, options) for split, paths in files.items()}
    if options.dataset_name is not None:
        of_hub = {"train": options.dataset_split, "dev": options.dataset_dev_split, "test": options.dataset_test_split}
        sources |= {split: partial(_of_hub, split, name, options) for split, name in of_hub.items() if name}
    sources = {split: sources[split] for split in SPLITS if split in sources}  # train first
    share = SHARE if options.validation_size is None else options.validation_size
    with replacing_folder(options.output_dir, leaving=[f"{split}.*" for split in SPLITS]) as folder:
        audit = write_splits(folder, task, sources, options.loss_on, share, options.seed)
        made = [split for split in SPLITS if (folder / f"{split}.tsv").is_file()]
        if options.tokenizer_name_or_path is not None:
            assert tokenizer is not None
            limits = {"source": options.max_input_length, "target": options.max_target_length}
            rows = {split: Written(folder, split) for split in SPLITS}
            audit.count_tokens(rows, tokenizer, options.tokenizer_name_or_path, limits, context_last=None)
        write_account(folder, task, recipe, audit, made)
    return audit


def _recipe(options: InstructionOptions, files: dict[str, list[Path]]) -> dict[str, Any]:
    """What `task.json` says of the data, so that another run with the same makes the same."""
    recipe: dict[str, Any] = {
        "name": options.dataset_name or Path(options.train_file or "").stem,
        "license": options.license,
        "seed": options.seed,
        "files": {split: {path.name: sha256(path) for path in paths} for split, paths in files.items()},
        "loss_on": options.loss_on,
        "validation_size": None if "dev" in files or options.dataset_dev_split else options.validation_size or SHARE,
    }
    if options.dataset_name is not None:
        recipe["dataset"] = {
            name: getattr(options, f"dataset_{name}") for name in ("name", "config", "split", "dev_split", "test_split")
        }
    choices = {"columns": options.columns, "no_header": options.no_header, "system": options.system}
    choices["remove_control_characters"] = options.remove_control_characters
    return recipe | {name: value for name, value in choices.items() if value}


def find_files(pattern: str) -> list[Path]:
    """The files that a path names: a file, those of a folder with the usual endings, or a glob. In order of their names.

    Raises InputError if there is none.
    """
    path = Path(pattern)
    if not path.is_dir():
        return matching_files(pattern, "give a file, a folder or a glob")
    files = sorted(file for file in path.iterdir() if file.name.lower().removesuffix(".gz").endswith(ENDINGS) and file.is_file())
    if not files:
        raise InputError(f"{path}: no file in this folder ends in {', '.join(ENDINGS)}")
    return files


def _of_files(split: str, paths: list[Path], options: InstructionOptions, audit: Audit) -> Iterator[tuple[str, Conversation]]:
    """The conversations of files with their ids: the places in the files, whose folders are left out where their names differ."""
    unique = len({path.name for path in paths}) == len(paths)
    for path in paths:
        form = form_of(path, header=not options.no_header)
        choose = _Telling(Chooser(options.columns, form.spreadsheet), f"{path}: {form}", audit)
        folder = str(path.parent) + "/" if unique and path.parent != Path() else ""
        records = read_records(path, header=not options.no_header, form=form)
        for one in _read(records, choose, options, partial(audit.count, REMOVED, split)):
            yield one.place.removeprefix(folder).replace(": [", "["), one


def _of_hub(split: str, name: str, options: InstructionOptions, audit: Audit) -> Iterator[tuple[str, Conversation]]:
    """The conversations of a split of a data set of the hub with their ids: the split, and the number of the row from 0 on."""
    assert options.dataset_name is not None
    choose = _Telling(Chooser(options.columns), f"{options.dataset_name}: {name}", audit)
    records = hub_records(options.dataset_name, options.dataset_config, name, streaming=options.streaming)
    for one in _read(records, choose, options, partial(audit.count, REMOVED, split)):
        yield one.place.removeprefix(f"{options.dataset_name}: "), one


@dataclass
class _Telling:
    """Chooses columns, and lets the audit say once what it took for what, and of which file."""

    choose: Chooser
    what: str
    audit: Audit
    _last: Columns | None = None

    def __call__(self, names: Sequence[str], place: str) -> Columns:
        columns = self.choose(names, place)
        if columns is not self._last:
            self._last = columns
            line = f"{self.what}; {columns}"
            if line not in self.audit.files and len(self.audit.files) < _MOST_SAID:
                self.audit.files.append(line)
        return columns


def _read(
    records: Iterable[tuple[str, dict[str, Any]]], choose: _Telling, options: InstructionOptions, removed: Callable[[int], object]
) -> Iterator[Conversation]:
    """The conversations of records; `removed` is called with how many control characters are removed, if they are to be."""
    return conversations(records, choose, options.system, removed if options.remove_control_characters else None)
