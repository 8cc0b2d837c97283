"""Make a data folder of preferences (which of two answers is better?) from spreadsheets, JSON, Parquet or a data set of the hub.

    python prepare_preferences.py --train_file arena.csv --output_dir data_preferences --swap
    python prepare_preferences.py --train_file pairs.jsonl --output_dir data_pairs --kind pairs
    python prepare_preferences.py --train_file pairs.jsonl --output_dir data_pairs --kind pairs --template chat \
        --tokenizer_name_or_path MODEL

The line 2 of arena.csv

    id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie
    1,m,n,"[""首都は?""]","[""東京です。""]","[""京都です。""]",1,0,0

becomes the line

    arena.csv:2 <tab> 以下は、…\\n\\n### 指示:\\n首都は?\\n\\n### 応答 A:\\n東京です。\\n\\n### 応答 B:…\\n\\n### 判定: <tab> A

or with --kind pairs the line

    arena.csv:2 <tab> 以下は、…\\n\\n### 指示:\\n首都は?\\n\\n### 応答: <tab> 東京です。 <tab> 京都です。

Also read are prompt, chosen and rejected (texts or messages), hh-rlhf's pairs of conversations, and rankings: docs/preferences.md.
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("prepare_preferences.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from toi.data.audit_table import table
from toi.data.preferences import PreferenceOptions, prepare_preferences
from toi.models.chat_templates import template_of
from toi.models.counting import counting_tokenizer
from toi.system.cli import run


def main(options: PreferenceOptions) -> None:
    """Prepare, and print the audit."""
    tokenizer = counting_tokenizer(options.tokenizer_name_or_path)
    audit = prepare_preferences(options, options.task(template_of(options, tokenizer)), tokenizer)
    print(table(audit))
    print(f"wrote {options.output_dir}/")


if __name__ == "__main__":
    run(main, PreferenceOptions)
