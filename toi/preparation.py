"""SQuAD-format files -> a data folder: splits, rows, the Examples behind them, `task.json`."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toi.errors import InputError
from toi.examples import SPLITS, Example, Row, write_examples, write_rows
from toi.files import read_json, replacing_folder, sha256
from toi.squad import find_files, read_squad
from toi.tasks import Task, write_task

JSQUAD_TRAIN = "raw/jsquad/train-v1.3.json"
JSQUAD_TEST = "raw/jsquad/valid-v1.3.json"


@dataclass
class PreparationOptions:
    """Options of all prepare scripts for SQuAD-format files."""

    train_file: str | None = None
    """Training data: a file, a folder or a glob of SQuAD-format JSON. [default: JSQuAD, from ./download.sh]"""
    test_file: str | None = None
    """Test data, likewise. With --train_file alone, some of its articles become the test split."""
    output_dir: str | None = None
    """The data folder to write. [default: named after the task]"""
    overwrite_output_dir: bool = False
    """Replace a data folder that was made from other files or with other options."""
    dev_ratio: float = 0.05
    """The share of the training articles that becomes the dev split."""
    seed: int = 42
    """Chooses the articles of the dev split."""
    lowercase: bool = False
    """Lower-case all text."""
    remove_brackets: bool = False
    """Remove readings and glosses in parentheses, except where the answer is in them."""
    dataset_name: str | None = None
    """What to call the data in task.json. [default: JSQuAD, or the name of the training file]"""
    license: str | None = None
    """The licence of the data, for task.json. [default: that of JSQuAD, or unknown]"""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        found = []
        if not 0 < self.dev_ratio < 0.5:
            found.append(f"--dev_ratio must be between 0 and 0.5, not {self.dev_ratio}")
        if self.test_file and not self.train_file:
            found.append("--test_file needs --train_file")
        return found


@dataclass
class Report:
    """What became of the questions that were read."""

    read: Counter[str] = field(default_factory=Counter)  # split -> questions
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)  # (split, reason) -> questions
    kept: Counter[str] = field(default_factory=Counter)


def prepare(options: PreparationOptions, task: Task, output_dir: str) -> Report:
    """Make the data folder of `task`. Returns the counts.

    Raises InputError before anything is written if an input is wrong, or if the folder holds other data.
    """
    train_file = options.train_file or JSQUAD_TRAIN
    test_file = options.test_file or (None if options.train_file else JSQUAD_TEST)
    sources = {"train": find_files(train_file), **({"test": find_files(test_file)} if test_file else {})}
    recipe = {
        "name": options.dataset_name or ("JSQuAD 1.3" if not options.train_file else Path(train_file).stem),
        "license": options.license or ("CC BY-SA 4.0" if not options.train_file else "unknown"),
        "seed": options.seed,
        "dev_ratio": options.dev_ratio,
        "files": {split: {p.name: sha256(p) for p in paths} for split, paths in sources.items()},
    }
    _refuse_other(output_dir, {**task.to_json(), "data": recipe}, options.overwrite_output_dir)
    examples = {split: [e for path in paths for e in read_squad(path)] for split, paths in sources.items()}
    examples = split_articles(examples, options.dev_ratio, options.seed)
    report = Report()
    rows = {split: make_rows(task, examples[split], split, report) for split in SPLITS}
    with replacing_folder(output_dir) as folder:
        for split in SPLITS:
            write_rows(folder / f"{split}.tsv", (row for row, _ in rows[split]))
            write_examples(folder / f"{split}.jsonl", (example for _, example in rows[split]))
        counts = {split: len(rows[split]) for split in SPLITS}
        dropped = {f"{split}: {reason}": n for (split, reason), n in sorted(report.dropped.items())}
        write_task(folder, task, {**recipe, "counts": counts, "dropped": dropped})
    return report


def make_rows(task: Task, examples: list[Example], split: str, report: Report) -> list[tuple[Row, Example]]:
    """The rows of a split and the Examples behind them, in order of their ids; counts go to the report.

    Raises InputError if two questions have the same id, or if no row is left.
    """
    rows: dict[str, tuple[Row, Example]] = {}
    for example in sorted(examples, key=lambda example: example.id):
        report.read[split] += 1
        if not example.answers:
            report.dropped[split, "no answer"] += 1
            continue
        try:
            row = task.row(example)
        except ValueError as error:
            report.dropped[split, str(error)] += 1
            continue
        if row.id in rows:
            raise InputError(f"two questions of the {split} split have the id {row.id!r}; ids must be unique")
        rows[row.id] = row, example
    report.kept[split] = len(rows)
    if not rows:
        reasons = ", ".join(f"{reason} ({n})" for (s, reason), n in report.dropped.items() if s == split)
        raise InputError(f"nothing is left of the {split} split" + (f": {reasons}" if reasons else ""))
    return list(rows.values())


def split_articles(examples: dict[str, list[Example]], ratio: float, seed: int) -> dict[str, list[Example]]:
    """Take `dev` (and `test`, where there is none) from the training articles.

    An article is taken whole, so that no paragraph is on both sides. The articles with the lowest
    hashes of seed and title are taken: the choice does not depend on their order. Raises InputError if there are too few.
    """
    wanted = [split for split in ("dev", "test") if split not in examples]
    titles = sorted({_article(e) for e in examples["train"]}, key=lambda title: _hash(seed, title))
    count = max(1, round(len(titles) * ratio))
    if len(titles) <= count * len(wanted):
        raise InputError(f"{len(titles)} articles are too few to split; give files with more articles, or --test_file")
    split_of = {title: wanted[i // count] for i, title in enumerate(titles[: count * len(wanted)])}
    result: dict[str, list[Example]] = {split: list(examples.get(split, [])) for split in SPLITS}
    result["train"] = []
    for example in examples["train"]:
        result[split_of.get(_article(example), "train")].append(example)
    return result


def _article(example: Example) -> str:
    return example.title or example.context


def _hash(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}\t{text}".encode("utf-8", "surrogatepass")).digest()


def _refuse_other(output_dir: str, recipe: dict[str, Any], overwrite: bool) -> None:
    """Raise InputError if the folder holds data that this run would not make again."""
    folder = Path(output_dir)
    if overwrite or not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; give another --output_dir")
    path = folder / "task.json"
    if not path.is_file():
        if any((folder / f"{split}.tsv").exists() for split in SPLITS):
            raise InputError(f"{folder}: holds data of unknown origin; give another --output_dir or --overwrite_output_dir")
        return
    there = read_json(path)
    data = there.get("data", {}) if isinstance(there, dict) else {}
    mine = recipe.pop("data")
    if any(there.get(k) != v for k, v in recipe.items()) or any(data.get(k) != v for k, v in mine.items()):
        raise InputError(f"{folder}: holds data made otherwise; give another --output_dir or --overwrite_output_dir")


def print_report(report: Report, output_dir: str) -> None:
    """The counts that a reader should see."""
    print(f"{'split':6}{'read':>9}{'kept':>9}{'dropped':>9}")
    for split in SPLITS:
        print(f"{split:6}{report.read[split]:>9,}{report.kept[split]:>9,}{report.read[split] - report.kept[split]:>9,}")
    for (split, reason), number in sorted(report.dropped.items()):
        print(f"dropped from {split}: {number:,} ({reason})")
    print(f"wrote {output_dir}/")
