"""Make a question generation data folder (answer and context -> question) from quiz questions and Wikipedia passages.

    python prepare_quiz_aqg.py                    raw/quiz (JAQKET v1) -> data_quiz_aqg/
    python prepare_quiz_aqg.py --highlight        raw/quiz (JAQKET v1) -> data_quiz_aqg_hl/
    python prepare_quiz_aqg.py --context_first    raw/quiz (JAQKET v1) -> data_quiz_aqg_cf/
    python prepare_quiz_aqg.py --train_file raw/quiz/aio_02_train.jsonl --passage_file 'raw/quiz/datasets.*.jsonl.gz'

JAQKET v1, AI王, DPR retriever and FiD files are told apart by their content (see `toi/data/quiz.py`). A record

    {"qid": "Q1", "question": "白浜市に住み、_釣りを趣味とする医師は誰でしょう?", "answer_entity": "霧沢一"}

with the entity {"title": "霧沢一", "text": "霧沢一は白浜市の医師。釣りを好む。"} becomes the line

    Q1 <tab> answer: 霧沢一 context: 霧沢一は白浜市の医師。釣りを好む。 <tab> 白浜市に住み、釣りを趣味とする医師は誰でしょう?

or, with --highlight,

    Q1 <tab> <hl>霧沢一<hl>は白浜市の医師。釣りを好む。 <tab> 白浜市に住み、釣りを趣味とする医師は誰でしょう?

or, with --context_first,

    Q1 <tab> context: 霧沢一は白浜市の医師。釣りを好む。 answer: 霧沢一 <tab> 白浜市に住み、釣りを趣味とする医師は誰でしょう?
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("prepare_quiz_aqg.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from dataclasses import dataclass

from toi.data.audit_table import table
from toi.data.folder import AskingOptions
from toi.data.quiz import QuizOptions, prepare_quiz
from toi.models.counting import counting_tokenizer
from toi.system.cli import run


@dataclass
class Options(AskingOptions, QuizOptions):
    """Make a question generation data folder from quiz questions and Wikipedia passages."""


def main(options: Options) -> None:
    """Prepare, and print the audit."""
    task = options.task(f"aqg{options.variant}")
    output_dir = options.output_dir or f"data_quiz_aqg{options.variant.replace('-', '_')}"
    audit = prepare_quiz(options, task, output_dir, counting_tokenizer(options.tokenizer_name_or_path))
    print(table(audit))
    print(f"wrote {output_dir}/")


if __name__ == "__main__":
    run(main, Options)
