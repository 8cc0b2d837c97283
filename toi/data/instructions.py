"""Instructions in files of any usual form, or a data set of the hub -> a data folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from toi.data.audit import Audit, AuditTokenizer
from toi.data.chat import ChatTemplate
from toi.data.columns import OPTIONS, Chooser
from toi.data.conversations import Conversation, LossOn, conversations
from toi.data.examples import SPLITS
from toi.data.folder import refuse_other, write_account
from toi.data.instruction_rows import Writer, asked
from toi.data.sources import REMOVED, Part, Telling, parts_of
from toi.data.splits import Sources, Splitting, Written, write_splits
from toi.data.tasks import Task
from toi.data.template_options import TemplateOptions
from toi.system.errors import InputError
from toi.system.files import replacing_folder
from toi.text.normalization import Normalization


@dataclass
class InstructionOptions(TemplateOptions):
    """Options of the prepare script for instructions."""

    output_dir: str = "data_instructions"
    """The data folder to write."""
    prompt_column: str | None = None
    """The column of the instructions, its name or its number from 1. [default: known by its name, in English or Japanese]"""
    input_column: str | None = None
    """The column of the inputs that some instructions have, likewise."""
    response_column: str | None = None
    """The column of the responses, likewise."""
    system_column: str | None = None
    """The column of the system texts, likewise."""
    system: str = ""
    """The system text of rows that have none."""
    source_template: str | None = None
    """One's own, with the fields {instruction} {input} {system} {history}; \\n is a line break."""
    source_template_without_input: str | None = None
    """One's own for instructions without an input. [default: those are dropped if --source_template has {input}]"""
    loss_on: LossOn = "all"
    """Learn every response of a conversation, or the last alone."""
    normalization: Literal["none", "nfkc", "full"] = "none"
    """What is done to texts: nothing, NFKC, or NFKC and neologdn line by line as for the other tasks."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        if self.source_template_without_input is not None and self.source_template is None:
            problems.append("--source_template_without_input needs --source_template")
        try:
            self.task()
        except InputError as error:
            problems.append(str(error))
        return problems

    def task(self, chat_template: ChatTemplate | None = None) -> Task:
        """What the model is asked; `chat_template` is for `--template chat`. Raises InputError for a template that cannot be."""
        source, target, without_input = self.templates
        normalization = Normalization(line_breaks=True, method=self.normalization)
        if self.source_template is not None:
            source, without_input = self.typed("source_template") or "", self.typed("source_template_without_input")
        name = self.template if self.source_template is None else "instructions-own"
        return Task(name, source, target, normalization, None, self.separator, without_input, chat_template=chat_template)

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are given, by what they hold."""
        given = {role: getattr(self, f"{name}_column") for role, name in OPTIONS.items()}
        return {role: name for role, name in given.items() if name is not None}


def prepare_instructions(options: InstructionOptions, task: Task, tokenizer: AuditTokenizer | None = None) -> Audit:
    """Make the data folder of `task`; `tokenizer` is the one that the options name. Returns the audit.

    Raises InputError before the folder is there if an input is wrong, or if it holds other data.
    """
    files = options.files()
    recipe = _recipe(options, files)
    refuse_other(options.output_dir, task, recipe, options.overwrite_output_dir)
    sources: Sources[Conversation] = {
        split: partial(_of_parts, split, parts, options) for split, parts in parts_of(options, files).items()
    }
    with replacing_folder(options.output_dir, leaving=[f"{split}.*" for split in SPLITS]) as folder:
        splitting = Splitting(asked, "instruction", options.seed, options.share)
        audit = write_splits(folder, sources, partial(Writer, task, options.loss_on), splitting)
        made = [split for split in SPLITS if (folder / f"{split}.tsv").is_file()]
        if options.tokenizer_name_or_path is not None:
            assert tokenizer is not None
            rows = {split: Written(folder, split) for split in SPLITS}
            audit.count_tokens(rows, tokenizer, options.tokenizer_name_or_path, options.limits, task, context_last=None)
        write_account(folder, task, recipe, audit, made)
    return audit


def _recipe(options: InstructionOptions, files: dict[str, list[Path]]) -> dict[str, Any]:
    """What `task.json` says of the data, so that another run with the same makes the same."""
    others = {"columns": options.columns, "system": options.system}
    return options.recipe(files) | {"loss_on": options.loss_on} | {name: value for name, value in others.items() if value}


def _of_parts(
    split: str, parts: Callable[[], Iterator[Part]], options: InstructionOptions, audit: Audit
) -> Iterator[tuple[str, Conversation]]:
    """The conversations of a split with their ids."""
    removed = partial(audit.count, REMOVED, split) if options.remove_control_characters else None
    for part in parts():
        choose = Telling(Chooser(options.columns, part.spreadsheet), part.name, audit)
        for one in conversations(part.records, choose, options.system, removed):
            yield part.id(one.place), one
