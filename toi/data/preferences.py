"""Preferences in files of any usual form, or a data set of the hub -> a data folder of choices, or of pairs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from toi.data.audit import Audit, AuditTokenizer
from toi.data.chat import ChatTemplate
from toi.data.choices import CHOICES
from toi.data.comparisons import REPAIRED, Comparison, comparisons
from toi.data.dialogues import choice_template
from toi.data.examples import SPLITS
from toi.data.folder import refuse_other, write_account
from toi.data.preference_columns import OPTIONS, PreferenceChooser
from toi.data.preference_rows import Budget, ChoiceRows, PairRows, Writer, asked
from toi.data.sources import REMOVED, Part, Telling, parts_of
from toi.data.splits import Sources, Splitting, Written, write_splits
from toi.data.tasks import Task
from toi.data.template_options import TemplateOptions
from toi.system.errors import InputError
from toi.system.files import replacing_folder
from toi.system.options import at_least
from toi.text.normalization import Normalization


@dataclass
class PreferenceOptions(TemplateOptions):
    """Options of the prepare script for preferences."""

    output_dir: str = "data_preferences"
    """The data folder to write."""
    kind: Literal["choice", "pairs"] = "choice"
    """Rows to choose the better of two answers by, or pairs of a better and a worse answer (for train.py --loss dpo)."""
    test_size: float | None = None
    """The share of the training data that becomes the test split, from 0.01 to 0.5. [default: there is no test split]"""
    choices: list[str] = field(default_factory=lambda: list(CHOICES))
    """What the model answers: the names of the first answer, of the second, and of a tie."""
    ties: Literal["keep", "drop"] = "keep"
    """Keep or drop ties; then there is no third choice. Pairs are never ties."""
    swap: bool = False
    """Add each row of the train split with the answers the other way round."""
    max_conversation_length: int | None = None
    """Leave out the earliest turns of conversations until a row has at most this many characters."""
    max_conversation_tokens: int | None = None
    """Leave them out until it has at most this many tokens; needs --tokenizer_name_or_path."""
    source_template: str | None = None
    """One's own, with the fields {prompt} {response_a} {response_b} {system}; of pairs {instruction} {system} {history}."""
    prompt_column: str | None = None
    """The column of the prompts, its name or its number from 1. [default: known by its name, in English or Japanese]"""
    response_a_column: str | None = None
    """The column of the first answers, likewise."""
    response_b_column: str | None = None
    """The column of the second answers, likewise."""
    winner_column: str | None = None
    """The column that says which answer won, likewise."""
    chosen_column: str | None = None
    """The column of the better answers, likewise."""
    rejected_column: str | None = None
    """The column of the worse answers, likewise."""
    answers_column: str | None = None
    """The column of the answers of a ranking, likewise."""
    system_column: str | None = None
    """The column of the system texts, likewise."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems() + at_least(self, 1, "max_conversation_length", "max_conversation_tokens")
        if self.test_size is not None:
            if not 0.01 <= self.test_size <= 0.5:
                problems.append(f"--test_size must be from 0.01 to 0.5, not {self.test_size}")
            if self.test_file or self.dataset_test_split:
                problems.append("--test_size is for data without a test split of its own; leave it out")
        if self.max_conversation_length is not None and self.max_conversation_tokens is not None:
            problems.append("give --max_conversation_length or --max_conversation_tokens, not both")
        if self.max_conversation_tokens is not None and self.tokenizer_name_or_path is None:
            problems.append("--max_conversation_tokens needs --tokenizer_name_or_path")
        if self.kind == "pairs" and self.swap:
            problems.append("--swap is for --kind choice; the better answer of a pair has no side")
        if self.kind == "pairs" and self.choices != list(CHOICES):
            problems.append("--choices are for --kind choice")
        if self.kind == "choice" and self.template != "alpaca-ja":
            problems.append("--template is for --kind pairs; give --source_template")
        if len(self.choices) != 3 and not (len(self.choices) == 2 and self.ties == "drop"):
            problems.append(f"--choices must be three names, or two with --ties drop, not {len(self.choices)}")
        else:
            try:
                self.task()
            except InputError as error:
                problems.append(str(error))
        return problems

    def task(self, chat_template: ChatTemplate | None = None) -> Task:
        """What the model is asked; `chat_template` is for `--template chat`. Raises InputError for what cannot be."""
        normalization = Normalization(line_breaks=True, method="none")
        between = self.separator
        own = self.typed("source_template")
        if self.kind == "pairs":
            source, target, without_input = self.templates
            name: str = self.template if own is None else "instructions-own"
            without_input = without_input if own is None else None
            return Task(
                name, own or source, target, normalization, None, between, without_input, pairs=True, chat_template=chat_template
            )
        choices = tuple(self.choices[:2] if self.ties == "drop" else self.choices)
        name = "choice" if own is None else "choice-own"
        source = choice_template(choices) if own is None else own
        return Task(name, source, "{answer}", normalization, None, between, choices=choices)

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are given, by what they hold."""
        given = {role: getattr(self, f"{role}_column") for role in OPTIONS}
        return {role: name for role, name in given.items() if name is not None}


def prepare_preferences(options: PreferenceOptions, task: Task, tokenizer: AuditTokenizer | None = None) -> Audit:
    """Make the data folder of `task`; `tokenizer` is the one that the options name. Returns the audit.

    Test and dev come first: a row of train whose prompt is in one of them is dropped. Raises InputError before the folder is there
    if an input is wrong, or if it holds other data.
    """
    files = options.files()
    recipe = _recipe(options, files)
    refuse_other(options.output_dir, task, recipe, options.overwrite_output_dir)
    parts = parts_of(options, files)
    sources: Sources[Comparison] = {
        split: partial(_of_parts, split, parts[split], options) for split in SPLITS[::-1] if split in parts
    }
    limit = options.max_conversation_length or options.max_conversation_tokens
    budget = None if limit is None else Budget(limit, tokenizer if options.max_conversation_tokens is not None else None)
    rows = PairRows(task) if options.kind == "pairs" else ChoiceRows(task, options.ties == "keep", options.seed, options.swap)
    with replacing_folder(options.output_dir, leaving=[f"{split}.*" for split in SPLITS]) as folder:
        splitting = Splitting(asked, "prompt", options.seed, options.share, options.test_size or 0.0)
        audit = write_splits(folder, sources, partial(Writer, rows, budget), splitting)
        made = [split for split in SPLITS if (folder / f"{split}.tsv").is_file()]
        if options.tokenizer_name_or_path is not None:
            assert tokenizer is not None
            written = {split: Written(folder, split, rows.read) for split in SPLITS}
            audit.count_tokens(written, tokenizer, options.tokenizer_name_or_path, options.limits, task, context_last=None)
        write_account(folder, task, recipe, audit, made)
    return audit


def _recipe(options: PreferenceOptions, files: dict[str, list[Path]]) -> dict[str, Any]:
    """What `task.json` says of the data, so that another run with the same makes the same."""
    names = ("test_size", "ties", "swap", "max_conversation_length", "max_conversation_tokens")
    others = {name: getattr(options, name) for name in names}
    if options.max_conversation_tokens is not None:
        others["tokenizer"] = options.tokenizer_name_or_path
    if options.columns:
        others["columns"] = options.columns
    return options.recipe(files) | others


def _of_parts(
    split: str, parts: Callable[[], Iterator[Part]], options: PreferenceOptions, audit: Audit
) -> Iterator[tuple[str, Comparison]]:
    """The comparisons of a split with their ids."""
    removed = partial(audit.count, REMOVED, split) if options.remove_control_characters else None
    for part in parts():
        choose = Telling(PreferenceChooser(options.columns, part.spreadsheet), part.name, audit)
        for one in comparisons(part.records, choose, removed, partial(audit.count, REPAIRED, split)):
            yield part.id(one.place) + one.number, one
