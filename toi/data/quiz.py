"""Quiz files -> a data folder of question generation. The formats are those of `toi/data/quiz_files.py`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from toi.data.audit import Audit, AuditTokenizer
from toi.data.examples import SPLITS, Answer, Example
from toi.data.folder import PreparationOptions, refuse_other, split_groups, write_data
from toi.data.quiz_files import Question, check_kinds, join_passages, passage_kind, question_kind, read_questions
from toi.data.tasks import Task
from toi.system.errors import InputError
from toi.system.files import matching_files
from toi.system.options import at_least
from toi.text.occurrences import choose, find

TRAIN = "raw/quiz/train_questions.json"
DEV = "raw/quiz/dev1_questions.json"
TEST = "raw/quiz/dev2_questions.json"
ENTITIES = "raw/quiz/all_entities.json.gz"
LICENSE = "questions CC BY-SA 4.0, but those of abc/EQIDEN may not be redistributed; Wikipedia texts CC BY-SA 3.0"


@dataclass
class QuizOptions(PreparationOptions):
    """Options of the prepare script for quiz files."""

    train_file: str | None = None
    """Training questions: a file or a glob, in any of the formats. [default: JAQKET v1, from ./download.sh jaqket]"""
    dev_file: str | None = None
    """Dev questions, likewise. With --train_file alone, some of its questions become the dev split."""
    test_file: str | None = None
    """Test questions, likewise. With --train_file alone, some of its questions become the test split."""
    passage_file: list[str] = field(default_factory=list)
    """Files or globs of entities (for JAQKET) or of passages by qid (for AI王). [default: the entities of JAQKET v1]"""
    max_passages: int = 1
    """Make rows of so many passages of a question at most, each of which must hold an answer."""
    dev_ratio: float = 0.05
    """The share of the training questions that becomes the dev split, where no file is given for it."""
    test_ratio: float = 0.05
    """The share of the training questions that becomes the test split, where no file is given for it."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems() + at_least(self, 1, "max_passages")
        for name in ("dev_ratio", "test_ratio"):
            if not 0 < getattr(self, name) < 0.5:
                problems.append(f"--{name} must be between 0 and 0.5, not {getattr(self, name)}")
        for name in ("dev_file", "test_file"):
            if getattr(self, name) and not self.train_file:
                problems.append(f"--{name} needs --train_file")
        return problems


def prepare_quiz(options: QuizOptions, task: Task, output_dir: str, tokenizer: AuditTokenizer | None = None) -> Audit:
    """Make the data folder of `task` from quiz files; `tokenizer` is the one that the options name. Returns the audit.

    Questions that no passage answers are dropped and counted, those of a training file under train. Raises InputError
    before anything is written if an input is wrong, or if the folder holds other data.
    """
    files, passage_files = _files_of(options)
    kinds = {path: question_kind(path) for paths in files.values() for path in paths}
    passage_kinds = {path: passage_kind(path) for path in passage_files}
    check_kinds(kinds, passage_kinds)
    own = options.train_file
    name, license = (_stem(own), "unknown") if own else ("JAQKET v1", LICENSE)
    recipe = options.recipe(name, license, {**files, "passages": passage_files})
    recipe |= {"max_passages": options.max_passages, "dev_ratio": options.dev_ratio, "test_ratio": options.test_ratio}
    refuse_other(output_dir, task, recipe, options.overwrite_output_dir)
    questions = {split: read_questions(paths, kinds, options.max_passages) for split, paths in files.items()}
    join_passages([question for of_split in questions.values() for question in of_split], passage_kinds, options.max_passages)
    audit = Audit()
    splits = {
        split: [example for question in of_split for example in make_examples(question, split, audit)]
        for split, of_split in split_questions(questions, options).items()
    }
    write_data(options, task, output_dir, splits, recipe, audit, tokenizer)
    return audit


def _files_of(options: QuizOptions) -> tuple[dict[str, list[Path]], list[Path]]:
    """The files of the splits that are given, and those of passages."""
    if options.train_file:
        given = {"train": options.train_file, "dev": options.dev_file, "test": options.test_file}
    else:
        given = {"train": TRAIN, "dev": DEV, "test": TEST}
    files = {split: _find_files(pattern) for split, pattern in given.items() if pattern}
    patterns = options.passage_file or ([] if options.train_file else [ENTITIES])
    return files, list(dict.fromkeys(path for pattern in patterns for path in _find_files(pattern)))


def _find_files(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file or a glob")
    return matching_files(pattern, "for JAQKET run ./download.sh jaqket, else give --train_file and --passage_file")


def _stem(pattern: str) -> str:
    return re.sub(r"\.jsonl?$", "", Path(pattern).name.removesuffix(".gz"))


def split_questions(questions: dict[str, list[Question]], options: QuizOptions) -> dict[str, list[Question]]:
    """Take the splits that are missing from the training questions.

    Questions on the same entity or passage stay together, and so do all passages of a question: no two splits share any.
    The choice depends on the questions and the seed alone. Raises InputError if there are too few.
    """
    splits = {split: questions.get(split, []) for split in SPLITS}
    if not any(question.held for question in splits["train"]):
        return splits  # `write_data` says why nothing is left
    rest = 1.0
    for split, ratio in (("test", options.test_ratio), ("dev", options.dev_ratio)):
        if split in questions:
            continue
        # To split_groups a question is an article, and the titles and texts of its passages are the contexts.
        links = [link for question in splits["train"] for link in _links(question)]
        others: dict[str, list[Example]] = {other: [] for other in ("dev", "test") if other != split}
        taken = {link.id for link in split_groups({"train": links, **others}, ratio / rest, options.seed)[split]}
        splits[split] = [question for question in splits["train"] if question.id in taken]
        splits["train"] = [question for question in splits["train"] if question.id not in taken]
        rest -= ratio
    return splits


def _links(question: Question) -> Iterator[Example]:
    for held in question.held:
        yield Example(question.id, f"text {held.passage.text}", title=f"question {question.text}")
        if held.passage.title:
            yield Example(question.id, f"title {held.passage.title}", title=f"question {question.text}")


def make_examples(question: Question, split: str, audit: Audit) -> list[Example]:
    """An Example for each passage of a question. A question without one goes to the audit."""
    audit.read[split] += 1
    if not question.held:
        audit.drop(split, question.reason, question.id)
        return []
    return [_example(question, number, split, audit) for number in range(1, len(question.held) + 1)]


def _example(question: Question, number: int, split: str, audit: Audit) -> Example:
    held = question.held[number - 1]
    id = question.id if number == 1 else f"{question.id}-{number}"
    context = held.passage.text
    (start, end), open_choice = choose(context, question.text, held.spans)
    if open_choice:
        audit.doubt(split, "several alike in the passage", id)
    answers = [Answer(context[start:end], start)]
    for variant in question.variants:
        if variant != held.variant:
            spans = find(variant, context)
            if spans:
                (start, end), _ = choose(context, question.text, spans)
            answers.append(Answer(context[start:end], start) if spans else Answer(variant))
    # Two variants may be the same text of the passage, in full and in half width.
    unique = tuple(dict.fromkeys(answers))
    return Example(id, context, question.text, unique, held.passage.title, held.passage.extra)
