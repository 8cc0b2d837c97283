"""Examples -> a data folder: splits, rows, the Examples behind them, `task.json`, the audit."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toi.data.audit import Audit, AuditTokenizer
from toi.data.audit_picture import draw
from toi.data.audit_table import reasons, report
from toi.data.examples import SPLITS, Example, Row, write_examples, write_rows
from toi.data.layout import Layout
from toi.data.options import FolderOptions
from toi.data.paraphrases import paraphrased
from toi.data.task_files import write_task
from toi.data.tasks import TARGET_SEPARATOR, Task
from toi.data.templates import TEMPLATES
from toi.data.tsv import unescape
from toi.system.errors import InputError
from toi.system.files import check_writable, read_json, replacing_folder, sha256, write_json
from toi.system.options import at_least
from toi.text.normalization import Normalization, normalize

_WAYS = "questions_per_answer"  # in task.json, where it is not 1


@dataclass
class PreparationOptions(FolderOptions):
    """Options of all prepare scripts."""

    output_dir: str | None = None
    """The data folder to write. [default: named after the task]"""
    seed: int = 42
    """Chooses the articles (or questions) of the splits that are not published."""
    questions_per_answer: int = 1
    """Train on so many right questions of an answer, where the data set lists them; --seed chooses them."""
    lowercase: bool = False
    """Lower-case all text."""
    remove_brackets: bool = False
    """Remove readings and glosses in parentheses, except where the answer is in them."""
    separator: str = "<|n|>"
    """What stands for the [SEP] between title and body of JSQuAD."""
    line_breaks: bool = False
    """Keep line breaks of texts; the TSV writes them as \\n, and so may templates and the separator."""
    max_context_length: int | None = None
    """Keep only whole sentences around the answer, at most this many characters."""
    source_template: str | None = None
    """The source of one's own task, with the fields {id} {title} {context} {question} {answer} {highlighted}."""
    target_template: str | None = None
    """The target of one's own task."""
    target_separator: str | None = None
    """What a decoder-only model reads between source and target. [default: \\n, a line break]"""
    dataset_name: str | None = None
    """What to call the data in task.json. [default: the name of the data set or of the training file]"""
    license: str | None = None
    """The licence of the data, for task.json. [default: that of the data set, or unknown]"""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        problems += at_least(self, 1, "max_context_length", "questions_per_answer")
        if not self.line_breaks and any(c in self.separator for c in "\t\n\r"):
            problems.append("--separator must not hold a tab or a line break")
        try:
            self.task("aqg")
        except InputError as error:
            problems.append(str(error))
        return problems

    def task(self, name: str) -> Task:
        """The built-in task called `name`, with these options and templates of one's own. Raises InputError for a bad template."""
        source, target, _ = TEMPLATES[name]
        separator = self._typed("separator")
        normalization = Normalization(self.lowercase, self.remove_brackets, separator, self.line_breaks)
        own = self.source_template is not None or self.target_template is not None
        source, target = self._typed("source_template") or source, self._typed("target_template") or target
        between = TARGET_SEPARATOR if self.target_separator is None else self._typed("target_separator", escaped=True)
        return Task(f"{name}-own" if own else name, source, target, normalization, self.max_context_length, between)

    def _typed(self, name: str, escaped: bool = False) -> str:
        """A text of an option as it is meant: if it is escaped, or --line_breaks are kept, `\\n` is one, which is hard to type."""
        text = getattr(self, name) or ""
        try:
            return unescape(text).replace("\r\n", "\n").replace("\r", "\n") if self.line_breaks or escaped else text
        except ValueError as error:
            raise InputError(f"--{name}: {error}") from None

    def recipe(self, name: str, license: str, files: dict[str, list[Path]]) -> dict[str, Any]:
        """What `task.json` says of the data, so that another run with the same makes the same."""
        return {
            "name": self.dataset_name or name,
            "license": self.license or license,
            "seed": self.seed,
            **({_WAYS: self.questions_per_answer} if self.questions_per_answer > 1 else {}),
            "files": {split: {path.name: sha256(path) for path in paths} for split, paths in files.items()},
        }


@dataclass
class AskingOptions(PreparationOptions):
    """Options of the prepare scripts for models that ask questions."""

    highlight: bool = False
    """Mark the answer in the context with <hl> instead of naming it before the context."""
    context_first: bool = False
    """Name the answer behind the context: a decoder-only model then reads it once for all of its questions."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        both = ["give --highlight or --context_first, not both"] if self.highlight and self.context_first else []
        return super().problems() + both

    @property
    def variant(self) -> str:
        """The end of the name of the task, and with an underscore of the data folder."""
        return "-hl" if self.highlight else "-cf" if self.context_first else ""


def write_data(
    options: PreparationOptions,
    task: Task,
    output_dir: str,
    splits: dict[str, list[Example]],
    recipe: dict[str, Any],
    audit: Audit,
    tokenizer: AuditTokenizer | None,
) -> None:
    """Make the rows of every split, and write the data folder with its audit.

    `splits` has train, dev and test; rows are in order of their ids. `tokenizer` is the one that the options name.
    Raises InputError, before anything is written, if two questions have the same id or a split is empty.
    """
    if task.asks:
        splits = {**splits, "train": list(paraphrased(splits["train"], options.questions_per_answer, options.seed))}
    rows = {split: make_rows(task, splits[split], split, audit) for split in SPLITS}
    rows["dev"] = without_shared(rows["train"], rows["dev"], audit)
    for split in SPLITS:
        audit.kept[split] = len(rows[split])
        if not rows[split]:
            raise InputError(f"nothing is left of the {split} split: {reasons(audit.dropped, split) or 'no questions were read'}")
    audit.look_at(rows)
    if options.tokenizer_name_or_path is not None:
        assert tokenizer is not None
        layout = Layout.of(task.source_template)
        last = layout is None or layout.last
        audit.count_tokens(rows, tokenizer, options.tokenizer_name_or_path, options.limits, task, context_last=last)
    with replacing_folder(output_dir) as folder:
        for split in SPLITS:
            write_rows(folder / f"{split}.tsv", (row for row, _ in rows[split]), line_breaks=task.line_breaks)
            write_examples(folder / f"{split}.jsonl", (example for _, example in rows[split]))
        write_account(folder, task, recipe, audit, SPLITS)


def write_account(folder: Path, task: Task, recipe: dict[str, Any], audit: Audit, splits: Iterable[str]) -> None:
    """Write what is said of a data folder beside its TSVs and Examples, which are there: the audit, its picture, `task.json`."""
    paths = sorted(folder.iterdir())
    with ThreadPoolExecutor() as threads:
        hashes = dict(zip([path.name for path in paths], threads.map(sha256, paths), strict=True))
    write_json(folder / "report.json", {**report(audit), "sha256": hashes})
    draw(audit, folder / "report.png")
    write_task(folder, task, {**recipe, "counts": {split: audit.kept[split] for split in splits}})


def make_rows(task: Task, examples: Iterable[Example], split: str, audit: Audit) -> list[tuple[Row, Example]]:
    """The rows of a split and the Examples behind them, in order of their ids; what is dropped goes to the audit.

    Raises InputError if two questions have the same id.
    """
    rows: dict[str, tuple[Row, Example]] = {}
    seen: set[tuple[str, str]] = set()
    for example in sorted(examples, key=lambda example: example.id):
        if not example.answers:
            audit.drop(split, "no answer", example.id)
            continue
        try:
            row = task.row(example)
        except ValueError as error:
            audit.drop(split, str(error), example.id)
            continue
        if row.id in rows:
            raise InputError(f"two questions of the {split} split have the id {row.id!r}; ids must be unique")
        if row[1:] in seen:
            audit.drop(split, "duplicate of another row", row.id)
            continue
        seen.add(row[1:])
        rows[row.id] = row, example
    return list(rows.values())


def without_shared(
    train: Sequence[tuple[Row, Example]], dev: Sequence[tuple[Row, Example]], audit: Audit
) -> list[tuple[Row, Example]]:
    """The dev rows whose question is not asked in train too; those that are go to the audit."""
    asked = {normalize(example.question) for _, example in train} - {""}  # some tasks have no question
    kept = []
    for row, example in dev:
        if normalize(example.question) in asked:
            audit.drop("dev", "the same question is in train", row.id)
        else:
            kept.append((row, example))
    return kept


def split_groups(examples: dict[str, list[Example]], ratio: float, seed: int) -> dict[str, list[Example]]:
    """Take the splits that are missing (dev, test) from the training examples, `ratio` of its articles each.

    An article is taken whole, and with every other article that has a context of it, so that no paragraph is on both
    sides. The articles with the lowest hashes of seed and title are taken: the choice does not depend on their order.
    Raises InputError if there are too few.
    """
    wanted = [split for split in ("dev", "test") if split not in examples]
    names = _groups(examples["train"])
    ordered = sorted(set(names.values()), key=lambda name: _hash(seed, name))
    count = max(1, round(len(ordered) * ratio))
    if len(ordered) <= count * len(wanted):
        raise InputError(f"{len(ordered)} articles are too few to split; give more, or files for the dev and test splits")
    split_of = {name: wanted[i // count] for i, name in enumerate(ordered[: count * len(wanted)])}
    result: dict[str, list[Example]] = {split: list(examples.get(split, [])) for split in SPLITS}
    result["train"] = []
    for example in examples["train"]:
        result[split_of.get(names[_article(example)], "train")].append(example)
    return result


def _article(example: Example) -> str:
    return example.title or example.context


def _groups(examples: Iterable[Example]) -> dict[str, str]:
    """Article -> the name of its group: the least of the articles that are linked by a context in common."""
    group: dict[str, str] = {}
    first_with: dict[str, str] = {}  # context -> article

    def find(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for example in examples:
        article = _article(example)
        group.setdefault(article, article)
        other = first_with.setdefault(normalize(example.context), article)
        low, high = sorted((find(article), find(other)))
        group[high] = low
    return {article: find(article) for article in group}


def _hash(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}\t{text}".encode("utf-8", "surrogatepass")).digest()


def refuse_other(output_dir: str, task: Task, recipe: dict[str, Any], overwrite: bool) -> None:
    """Raise InputError if the folder holds data that this run would not make again: made otherwise, or edited since."""
    folder = Path(output_dir)
    check_writable(folder)
    if overwrite or not folder.exists():
        return
    path = folder / "task.json"
    if not path.is_file():
        if any((folder / f"{split}.tsv").exists() for split in SPLITS):
            raise InputError(f"{folder}: holds data of unknown origin; give another --output_dir or --overwrite_output_dir")
        return
    there = read_json(path)
    there = there if isinstance(there, dict) else {}
    data = there.get("data", {})
    usual = {"target_separator": TARGET_SEPARATOR, "source_template_without_input": None}  # which a task.json does not say
    wanted, there = {**usual, **task.to_json()}, {**usual, **there}
    same = all(there.get(k) == v for k, v in wanted.items()) and all(data.get(k) == v for k, v in recipe.items())
    same = same and data.get(_WAYS, 1) == recipe.get(_WAYS, 1)
    if not same:
        raise InputError(f"{folder}: holds data made otherwise; give another --output_dir or --overwrite_output_dir")
    _refuse_edited(folder)


def _refuse_edited(folder: Path) -> None:
    """Raise InputError if a TSV, or the Examples behind it, are not those that `report.json` was written with."""
    path = folder / "report.json"
    there = read_json(path) if path.is_file() else {}
    hashes = there.get("sha256") if isinstance(there, dict) else None
    if not isinstance(hashes, dict):  # a folder of an older Toi
        return
    for name, known in sorted(hashes.items()):
        file = folder / name
        if file.is_file() and known != sha256(file):
            raise InputError(f"{file}: was edited since it was made; give another --output_dir or --overwrite_output_dir")
