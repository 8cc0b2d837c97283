"""Make an answer extraction data folder (passage -> what could be asked for) from JSQuAD, or any SQuAD-format files.

    python prepare_jsquad_ae.py               raw/jsquad -> data_jsquad_ae/
    python prepare_jsquad_ae.py --task qag    raw/jsquad -> data_jsquad_qag/

The questions of the context 霧沢一は医師です。趣味は釣りです。, with the answers 霧沢一, 医師 and 釣り, become two lines

    q1-ae0 <tab> <hl>霧沢一は医師です。<hl>趣味は釣りです。 <tab> 霧沢一 | 医師
    q1-ae1 <tab> 霧沢一は医師です。<hl>趣味は釣りです。<hl> <tab> 釣り

or, with --task qag, questions and answers end to end,

    q1-qag <tab> context: 霧沢一は医師です。趣味は釣りです。 <tab> question: 医師は誰ですか? answer: 霧沢一 | question: ...

A model of such data finds answers for generate.py --document: --ae_model, or a model of qag instead of one that asks.
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("prepare_jsquad_ae.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import tyro

from toi.data.audit_table import table
from toi.data.extraction import extraction_examples
from toi.data.options import ExtractionTask
from toi.data.squad import SquadOptions, prepare_squad
from toi.models.counting import counting_tokenizer
from toi.system.cli import run


@dataclass
class Options(SquadOptions):
    """Make an answer extraction data folder from JSQuAD, or any SQuAD-format files."""

    task_name: Annotated[ExtractionTask, tyro.conf.arg(name="task")] = "ae"  # `task` makes one of a name
    """ae: the answers in one sentence of a passage; qag: questions and answers of a passage."""


def main(options: Options) -> None:
    """Prepare, and print the audit."""
    task = options.task(options.task_name)
    output_dir = options.output_dir or f"data_jsquad_{options.task_name}"
    longest = options.max_context_length
    made = partial(extraction_examples, task=options.task_name, longest=longest, line_breaks=options.line_breaks)
    print(table(prepare_squad(options, task, output_dir, counting_tokenizer(options.tokenizer_name_or_path), made)))
    print(f"wrote {output_dir}/")


if __name__ == "__main__":
    run(main, Options)
