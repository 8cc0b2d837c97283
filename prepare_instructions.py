"""Make a data folder of instructions (instruction -> response) from spreadsheets, JSON, Parquet or a data set of the hub.

    python prepare_instructions.py --train_file instructions.csv --output_dir data_instructions
    python prepare_instructions.py --train_file conversations.jsonl --output_dir data_chat --loss_on last
    python prepare_instructions.py --train_file conversations.jsonl --template chat --tokenizer_name_or_path MODEL
    python prepare_instructions.py --dataset_name kunishou/databricks-dolly-15k-ja --output_dir data_dolly

The line 2 of instructions.csv

    指示,入力,出力
    英語にして。,橋,bridge

becomes the line

    instructions.csv:2 <tab> 以下は、…\\n\\n### 指示:\\n英語にして。\\n\\n### 入力:\\n橋\\n\\n### 応答: <tab> bridge

Line breaks are written as \\n, tabs as \\t. Conversations (messages of role and content, or ShareGPT's of from and value) become a
line for each response, with the turns before it.
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("prepare_instructions.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from toi.data.audit_table import places, table
from toi.data.instructions import InstructionOptions, prepare_instructions
from toi.models.chat_templates import template_of
from toi.models.counting import counting_tokenizer
from toi.system.cli import run


def main(options: InstructionOptions) -> None:
    """Prepare, and print the audit."""
    tokenizer = counting_tokenizer(options.tokenizer_name_or_path)
    audit = prepare_instructions(options, options.task(template_of(options, tokenizer)), tokenizer)
    print(table(audit))
    if where := places(audit):
        print(where)
    print(f"wrote {options.output_dir}/")


if __name__ == "__main__":
    run(main, InstructionOptions)
