"""A model's scores on the splits of a data folder, or those of a predictions file; `results.json`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toi.checkpoint import Checkpoint, versions
from toi.examples import read_rows, split_path
from toi.files import write_json
from toi.metrics import Score
from toi.options import DecodingOptions
from toi.prediction import Prediction, gold_answers, predict, score_predictions, write_predictions


def evaluate_model(
    checkpoint: Checkpoint, data_dir: str, splits: Sequence[str], options: DecodingOptions, batch_size: int, output_dir: str
) -> tuple[dict[str, dict[str, Score]], dict[str, int]]:
    """Predict the splits, write `{split}_output.tsv` and `results.json` to `output_dir`, return the scores and row counts."""
    rows = {split: read_rows(split_path(data_dir, split)) for split in splits}
    predictions = {split: predict(checkpoint, rows[split], options, batch_size, split) for split in splits}
    scores = {split: score_predictions(predictions[split], gold_answers(data_dir, split)) for split in splits}
    decoding = {name: value for name, value in vars(options).items() if name in DecodingOptions.__dataclass_fields__}
    write_results(output_dir, scores, predictions, {"model": checkpoint.name, "data_dir": data_dir, "decoding": decoding})
    return scores, {split: len(rows[split]) for split in splits}


def write_results(
    output_dir: str | Path,
    scores: dict[str, dict[str, Score]],
    predictions: dict[str, list[Prediction]],
    about: dict[str, Any],
    *,
    with_predictions: bool = True,
) -> None:
    """Write `results.json` and, beside it, the predictions that were scored."""
    results = {
        **about,
        "splits": {
            split: {
                "rows": len(predictions[split]),
                "metrics": {name: score.value for name, score in metrics.items()},
                "signatures": {name: score.signature for name, score in metrics.items()},
            }
            for split, metrics in scores.items()
        },
        "versions": versions(),
    }
    folder = Path(output_dir)
    if with_predictions:
        for split, rows in predictions.items():
            write_predictions(folder / f"{split}_output.tsv", rows)
    write_json(folder / "results.json", results)
