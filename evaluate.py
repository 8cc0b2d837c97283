"""Score a model, or a file of predictions: exact match, BLEU, ROUGE.

    python evaluate.py --output_dir model --data_dir data --split dev test
    python evaluate.py --predictions out.tsv --output_dir scores

The table is printed, and results.json written to --output_dir, with the signature of every score.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from toi.cli import run
from toi.options import DecodingOptions, at_least


@dataclass
class EvaluateOptions(DecodingOptions):
    """Score a model on the splits of a data folder, or a file of predictions."""

    predictions: str | None = None
    """A file that predict.py wrote. Without it, the model is scored."""
    output_dir: str = "model"
    """Where results.json goes; the model, unless --model_name_or_path names another."""
    model_name_or_path: str | None = None  # type: ignore[assignment]  # here it may be left out
    """The model to score. [default: --output_dir]"""
    data_dir: str | None = None
    """The data folder: its splits are predicted; with --predictions, its gold answers are used. [default: data]"""
    split: list[Literal["train", "dev", "test"]] = field(default_factory=lambda: ["test"])
    """The splits to score."""
    per_device_eval_batch_size: int = 32
    """Sources per batch."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        found = super().problems() + at_least(self, 1, "per_device_eval_batch_size")
        if self.predictions and len(self.split) > 1:
            found.append("--predictions are of one --split")
        return found


def main(options: EvaluateOptions) -> None:
    """Score the model or the predictions, print the table, write `results.json`."""
    from toi.examples import read_rows, split_path
    from toi.files import check_writable
    from toi.prediction import gold_answers, read_predictions, score_predictions, table

    check_writable(options.output_dir)
    if options.predictions:
        rows = read_predictions(options.predictions)
        gold = gold_answers(options.data_dir, options.split[0]) if options.data_dir else {}
        scores = {Path(options.predictions).stem: score_predictions(rows, gold)}
        from toi.evaluation import write_results

        about = {"predictions": options.predictions, "data_dir": options.data_dir}
        write_results(options.output_dir, scores, dict.fromkeys(scores, rows), about, with_predictions=False)
        print(table(scores, {name: len(rows) for name in scores}))
        return
    data_dir = options.data_dir or "data"
    for split in options.split:
        read_rows(split_path(data_dir, split))  # what is wrong with them is said before the model is loaded
    import toi.checkpoint as checkpoints
    from toi.evaluation import evaluate_model

    checkpoints.quiet()
    checkpoint = checkpoints.load(options.model_name_or_path or options.output_dir)
    print(
        table(*evaluate_model(checkpoint, data_dir, options.split, options, options.per_device_eval_batch_size, options.output_dir))
    )


if __name__ == "__main__":
    run(main, EvaluateOptions)
