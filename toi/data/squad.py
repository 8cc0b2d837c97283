"""SQuAD-format JSON -> Examples.

    {"data": [{"title": "霧沢一", "paragraphs": [{"context": "霧沢一は医師です。", "qas": [
        {"id": "q1", "question": "霧沢一の職業は何ですか?", "answers": [{"text": "医師", "answer_start": 4}]}]}]}]}

becomes `Example(id="q1", title="霧沢一", context=..., question=..., answers=(Answer("医師", 4),))`. JSQuAD, JaQuAD
and SQuAD itself have this form. Everything is checked; what is wrong is named by its place.
Where an entry of `qas` lists all right questions of its answer under `questions`, they are kept: any of them counts in evaluation.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from toi.data.audit import Audit, AuditTokenizer
from toi.data.examples import Answer, Example
from toi.data.folder import PreparationOptions, refuse_other, split_groups, write_data
from toi.data.json_records import Node, short
from toi.data.tasks import QUESTIONS, Task
from toi.system.files import find_files, read_json
from toi.text.normalization import SEPARATOR
from toi.text.occurrences import choose, find

TRAIN = "raw/jsquad/train-v1.3.json"
TEST = "raw/jsquad/valid-v1.3.json"
_HINT = "for JSQuAD run ./download.sh jsquad, else give --train_file and --test_file"


@dataclass
class SquadOptions(PreparationOptions):
    """Options of the prepare scripts for SQuAD-format files."""

    train_file: str | None = None
    """Training data: a file, a folder or a glob of SQuAD-format JSON. [default: JSQuAD, from ./download.sh]"""
    test_file: str | None = None
    """Test data, likewise. With --train_file alone, some of its articles become the test split."""
    dev_ratio: float = 0.05
    """The share of the training articles that becomes the dev split."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        if not 0 < self.dev_ratio < 0.5:
            problems.append(f"--dev_ratio must be between 0 and 0.5, not {self.dev_ratio}")
        if self.test_file and not self.train_file:
            problems.append("--test_file needs --train_file")
        return problems


def prepare_squad(
    options: SquadOptions,
    task: Task,
    output_dir: str,
    tokenizer: AuditTokenizer | None = None,
    made: Callable[[list[Example]], Iterable[Example]] | None = None,
) -> Audit:
    """Make the data folder of `task` from SQuAD-format files; `tokenizer` is the one that the options name. Returns the audit.

    `made` makes other Examples of those of a split (toi/data/extraction.py).
    Raises InputError before anything is written if an input is wrong, or if the folder holds other data.
    """
    train_file = options.train_file or TRAIN
    test_file = options.test_file or (None if options.train_file else TEST)
    patterns = {"train": train_file, **({"test": test_file} if test_file else {})}
    files = {split: find_files(pattern, (".json",), _HINT) for split, pattern in patterns.items()}
    known = ("unknown", "unknown") if options.train_file else ("JSQuAD 1.3", "CC BY-SA 4.0")
    recipe = options.recipe(Path(train_file).stem if options.train_file else known[0], known[1], files)
    recipe["dev_ratio"] = options.dev_ratio
    refuse_other(output_dir, task, recipe, options.overwrite_output_dir)
    examples = {split: [example for path in paths for example in read_squad(path)] for split, paths in files.items()}
    audit = Audit()
    splits = split_groups(examples, options.dev_ratio, options.seed)
    audit.read.update({split: len(of_split) for split, of_split in splits.items()})
    placed = {split: [into_body(example, split, audit) for example in of_split] for split, of_split in splits.items()}
    if made is not None:
        placed = {split: list(made(of_split)) for split, of_split in placed.items()}
    write_data(options, task, output_dir, placed, recipe, audit, tokenizer)
    return audit


def into_body(example: Example, split: str, audit: Audit) -> Example:
    """An Example of JSQuAD with its answer in the body, if it stands there too.

    JSQuAD's contexts are `title [SEP] body`, and its offsets are always the first occurrence: an answer that is also
    the title is marked there. In the body the sentence is chosen that shares most content words with the question;
    the annotated offset stays as `annotated_start`. What stays open is noted in the audit.
    """
    mark = re.search(SEPARATOR, example.context)
    if mark is None or not example.answers or example.answers[0].start is None:
        return example
    answer = example.answers[0]
    body = example.context[mark.end() :]
    spans = [(start + mark.end(), end + mark.end()) for start, end in find(answer.text, body)]
    if answer.start >= mark.end():  # type: ignore[operator]  # checked above
        if len(spans) > 1:
            audit.doubt(split, "several in the body, the first is annotated", example.id)
        return example
    if not spans:
        audit.doubt(split, "only in the title", example.id)
        return example
    (start, end), open_choice = choose(example.context, example.question, spans)
    if open_choice:
        audit.doubt(split, "annotated in the title, several alike in the body", example.id)
    moved = Answer(example.context[start:end], start)
    extra = {**example.extra, "annotated_start": answer.start}
    return replace(example, answers=(moved, *example.answers[1:]), extra=extra)


def read_squad(path: str | Path) -> list[Example]:
    """The Examples of one file, in its order.

    A question that is marked impossible, or has no answer, comes with `answers=()`. Raises InputError
    with the file and the place: `train.json: data[0].paragraphs[2].qas[1].answers[0]: ...`.
    """
    root = read_json(path)
    return list(_articles(Node(root, str(path), "")))


def _articles(root: "Node") -> Iterator[Example]:
    for article in root.get("data", list, hint="not SQuAD-format JSON").items():
        title = article.get("title", str).value if "title" in article else ""
        for paragraph in article.get("paragraphs", list).items():
            context = paragraph.get("context", str).value
            for qa in paragraph.get("qas", list).items():
                yield _example(qa, title, context)


def _example(qa: "Node", title: str, context: str) -> Example:
    identifier = qa.get("id", str, int).value
    question = qa.get("question", str).value
    impossible = "is_impossible" in qa and qa.get("is_impossible", bool).value
    extra = {k: v for k, v in qa.value.items() if k == "question_type"}
    if QUESTIONS in qa:
        extra[QUESTIONS] = _questions(qa.get(QUESTIONS, list))
    answers = []
    for node in () if impossible else qa.get("answers", list).items():
        text, start = node.get("text", str).value, node.get("answer_start", int).value
        if not text:
            raise node.error("the answer text is empty")
        there = context[start : start + len(text)] if start >= 0 else ""
        if there != text:
            raise node.error(f"answer_start {start} does not match: expected {short(text)}, the context has {short(there)}")
        answers.append(Answer(text, start))
        if len(answers) == 1 and "answer_type" in node:
            extra["answer_type"] = node.value["answer_type"]
    return Example(str(identifier), context, question, tuple(answers), title, extra)


def _questions(node: "Node") -> list[str]:
    """All right questions of an answer."""
    for item in node.items():
        if not isinstance(item.value, str) or not item.value:
            raise item.error("expected a question, a string that is not empty")
    return list(node.value)
