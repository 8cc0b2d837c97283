"""Make a QA data folder (question and context -> answer) from JSQuAD, or any SQuAD-format files.

    python prepare_jsquad.py                                          raw/jsquad -> data/
    python prepare_jsquad.py --train_file 'raw/jaquad/train/*.json' --test_file raw/jaquad/dev --output_dir data_jaquad

A record  {"id": "q1", "question": "霧沢一の職業は何ですか?", "answers": [{"text": "医師", "answer_start": 4}]}
of the context 霧沢一は医師です。 becomes the line

    q1 <tab> question: 霧沢一の職業は何ですか? context: 霧沢一は医師です。 <tab> 医師
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("prepare_jsquad.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from toi.data.audit_table import table
from toi.data.squad import SquadOptions, prepare_squad
from toi.models.counting import counting_tokenizer
from toi.system.cli import run


def main(options: SquadOptions) -> None:
    """Prepare, and print the audit."""
    task = options.task("qa")
    output_dir = options.output_dir or "data"
    audit = prepare_squad(options, task, output_dir, counting_tokenizer(options.tokenizer_name_or_path))
    print(table(audit))
    print(f"wrote {output_dir}/")


if __name__ == "__main__":
    run(main, SquadOptions)
