"""Make a question generation data folder (answer and context -> question) from JSQuAD, or any SQuAD-format files.

    python prepare_jsquad_aqg.py                    raw/jsquad -> data_jsquad_aqg/
    python prepare_jsquad_aqg.py --highlight        raw/jsquad -> data_jsquad_aqg_hl/
    python prepare_jsquad_aqg.py --context_first    raw/jsquad -> data_jsquad_aqg_cf/

A record  {"id": "q1", "question": "霧沢一の職業は何ですか?", "answers": [{"text": "医師", "answer_start": 4}]}
of the context 霧沢一は医師です。 becomes the line

    q1 <tab> answer: 医師 context: 霧沢一は医師です。 <tab> 霧沢一の職業は何ですか?

or, with --highlight,

    q1 <tab> 霧沢一は<hl>医師<hl>です。 <tab> 霧沢一の職業は何ですか?

or, with --context_first,

    q1 <tab> context: 霧沢一は医師です。 answer: 医師 <tab> 霧沢一の職業は何ですか?
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("prepare_jsquad_aqg.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from dataclasses import dataclass

from toi.data.audit_table import table
from toi.data.folder import AskingOptions
from toi.data.squad import SquadOptions, prepare_squad
from toi.models.counting import counting_tokenizer
from toi.system.cli import run


@dataclass
class Options(AskingOptions, SquadOptions):
    """Make a question generation data folder from JSQuAD, or any SQuAD-format files."""


def main(options: Options) -> None:
    """Prepare, and print the audit."""
    task = options.task(f"aqg{options.variant}")
    output_dir = options.output_dir or f"data_jsquad_aqg{options.variant.replace('-', '_')}"
    audit = prepare_squad(options, task, output_dir, counting_tokenizer(options.tokenizer_name_or_path))
    print(table(audit))
    print(f"wrote {output_dir}/")


if __name__ == "__main__":
    run(main, Options)
