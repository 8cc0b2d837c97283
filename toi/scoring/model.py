"""Scores of a model: it predicts the splits of a data folder, and its outputs are scored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toi.data.pairs import iterate_split
from toi.data.predictions import Prediction, write_predictions
from toi.data.task_files import keeps_line_breaks
from toi.decoding.choice_options import ChoiceOptions
from toi.decoding.choose import asks_of, choices_of, choose, open_choosing
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.decoding.predict import predict
from toi.models.ready import Model
from toi.scoring.chosen import choices_of_predictions
from toi.scoring.measures import Score
from toi.scoring.options import ScoringOptions
from toi.scoring.perplexity import perplexity_measures
from toi.scoring.results import write_results
from toi.scoring.scored import gold_references, score_rows, with_measures


def evaluate_model(
    checkpoint: Model, data_dir: str, splits: Sequence[str], options: DecodingOptions, batch_size: int, output_dir: str
) -> tuple[dict[str, dict[str, Score]], dict[str, int]]:
    """Predict the splits, write `{split}_output.tsv` and `results.json` to `output_dir`, return the scores and row counts."""
    predictions = predict_splits(checkpoint, data_dir, splits, options, batch_size, output_dir)
    scoring = ScoringOptions()
    scored = {}
    for split in splits:
        found = score_rows(predictions[split], scoring, gold_references(data_dir, split))
        if not choices_of_predictions(predictions[split]):
            perplexity = perplexity_measures(checkpoint, predictions[split], options, batch_size, f"{split}, perplexity")
            found = with_measures(found, perplexity, scoring)
        scored[split] = found
    write_results(output_dir, scored, scoring, about_model(checkpoint, data_dir, options))
    return {split: of_split.scores for split, of_split in scored.items()}, {split: len(predictions[split]) for split in splits}


def predict_splits(
    checkpoint: Model, data_dir: str, splits: Sequence[str], options: DecodingOptions, batch_size: int, output_dir: str
) -> dict[str, list[Prediction]]:
    """Predict the splits and write `{split}_output.tsv`."""
    line_breaks = keeps_line_breaks(data_dir)
    rows = {split: list(iterate_split(data_dir, split)) for split in splits}
    predictions: dict[str, list[Prediction]] = {}
    if choices := choices_of(checkpoint, options):
        choosing = open_choosing(checkpoint, choices, options)
        for split in splits:
            asks = asks_of(rows[split], data_dir, split, swap=isinstance(options, ChoiceOptions) and options.swap_average)
            predictions[split] = choose(choosing, rows[split], asks, batch_size, split)
            path = Path(output_dir) / f"{split}_output.tsv"
            write_predictions(path, predictions[split], line_breaks=line_breaks, choices=choices)
        return predictions
    decoder = Decoder(checkpoint)
    for split in splits:
        predictions[split] = predict(decoder, rows[split], options, batch_size, split, line_breaks=line_breaks)
        write_predictions(Path(output_dir) / f"{split}_output.tsv", predictions[split], line_breaks=line_breaks)
    return predictions


def about_model(checkpoint: Model, data_dir: str, options: DecodingOptions) -> dict[str, Any]:
    """The beginning of `results.json`: which model, on which data, decoded how."""
    decoding = {name: value for name, value in vars(options).items() if name in DecodingOptions.__dataclass_fields__}
    return {"model": checkpoint.name, "data_dir": data_dir, "decoding": decoding}
