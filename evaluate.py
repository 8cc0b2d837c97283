"""Score a model, or a file of predictions: figures with error bars, results.json, and report.html to look at.

    python evaluate.py --output_dir model --data_dir data --split dev test
    python evaluate.py --predictions out.tsv --output_dir scores
    python evaluate.py --predictions out.tsv --output_dir scores --compare other.tsv
    python evaluate.py --predictions out.tsv --output_dir scores --profile jglue --data_dir data
    python evaluate.py --output_dir model --data_dir data --qa_model model_qa

    python evaluate.py --pairs pairs/pairs.jsonl --gold raw/jaquad/dev --output_dir scores

What every figure means and which published table it can be held against: docs/evaluation.md.
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("evaluate.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from toi.decoding.choice_options import ChoiceOptions
from toi.decoding.options import DecodingOptions
from toi.scoring.options import NO_PIECES, PairOptions, ScoringOptions
from toi.system.cli import run
from toi.system.options import at_least

if TYPE_CHECKING:
    from toi.data.predictions import Prediction
    from toi.decoding.decoder import Decoder
    from toi.scoring.measures import Measure
    from toi.scoring.scored import Scored


@dataclass
class EvaluateOptions(ChoiceOptions, DecodingOptions, PairOptions, ScoringOptions):
    """Score a model on the splits of a data folder, or a file of predictions."""

    predictions: str | None = None
    """A file that predict.py wrote. Without it, the model is scored."""
    output_dir: str = "model"
    """Where results.json and report.html go; the model, unless --model_name_or_path names another."""
    model_name_or_path: str | None = None  # type: ignore[assignment]  # here it may be left out
    """The model to score. [default: --output_dir]"""
    data_dir: str | None = None
    """The data folder: its splits are predicted; with --predictions, its gold answers and Examples are used. [default: data]"""
    split: list[Literal["train", "dev", "test"]] = field(default_factory=lambda: ["test"])
    """The splits to score."""
    per_device_eval_batch_size: int = 32
    """Sources per batch."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems() + ScoringOptions.problems(self)
        problems += at_least(self, 1, "per_device_eval_batch_size")
        if len(set(self.split)) < len(self.split):
            problems.append("--split has one twice")
        if self.predictions and len(self.split) > 1:
            problems.append("--predictions are of one --split")
        if self.compare and len(self.split) > 1:
            problems.append("--compare is for one --split")
        if self.qa_model and self.predictions and not self.data_dir:
            problems.append("--qa_model needs the contexts: give the --data_dir (and --split) of the predictions")
        if self.pairs and self.predictions:
            problems.append("give --pairs or --predictions, not both")
        if self.profile == "sonoisa" and self.predictions and not self.tokenizer_name:
            problems.append(NO_PIECES)
        return problems


def main(options: EvaluateOptions) -> None:
    """Score the model or the predictions, print the table, write `results.json` and `report.html`."""
    from toi.models.place import check_model
    from toi.system.files import check_writable

    check_writable(options.output_dir)
    if options.pairs:
        score_pairs(options)
        return
    check_inputs(options)
    if not options.predictions:
        check_model(options.model_name_or_path or options.output_dir, options.tokenizer_name_or_path)
    if options.qa_model:
        check_model(options.qa_model)
    from toi.data.predictions import read_predictions
    from toi.scoring.chosen import choices_of_predictions
    from toi.scoring.report import write_report
    from toi.scoring.results import write_results
    from toi.scoring.tables import choice_tables, comparison_table, table, tokenizer_table

    reader = load_reader(options.qa_model) if options.qa_model else None  # before anything is decoded
    if options.predictions:
        predictions = {Path(options.predictions).stem: read_predictions(options.predictions)}
        about: dict[str, object] = {"predictions": options.predictions, "data_dir": options.data_dir}
        perplexities: dict[str, list[Measure]] = {}
    else:
        predictions, about, perplexities = predict_model(options)
    scored = {
        name: score_split(options, rows, split, reader, perplexities.get(split, []))
        for (name, rows), split in zip(predictions.items(), options.split, strict=True)
    }
    write_results(options.output_dir, scored, options, about)
    write_report(Path(options.output_dir) / "report.html", scored, options, about)
    scores = {name: of_split.scores for name, of_split in scored.items()}
    print(table(scores, {name: len(rows) for name, rows in predictions.items()}))
    for name, of_split in scored.items():
        if len(of_split.by_tokenizer) > 1:
            print(f"\n{name}, by tokenizer")
            print(tokenizer_table(of_split))
        if choices_of_predictions(of_split.predictions):
            print(f"\n{name}, choices")
            print(choice_tables(of_split))
        if of_split.comparison is not None:
            print("\n" + comparison_table(of_split.comparison))


def score_pairs(options: EvaluateOptions) -> None:
    """Score pairs of questions and answers against gold ones: print the table, write `pairs_results.json`."""
    from toi.data.squad import read_squad
    from toi.scoring import aligned_pairs
    from toi.scoring.resampling import with_intervals
    from toi.scoring.results import write_pair_results
    from toi.scoring.tables import table
    from toi.system.errors import InputError
    from toi.system.files import find_files
    from toi.system.saying import warn

    similarities: dict[str, tuple[aligned_pairs.Similarity, str]] = {
        "chrf": (aligned_pairs.by_chrf, "chrf2"),
        "f1": (aligned_pairs.by_characters, "f1|tok:char"),
    }
    if options.bertscore_model is not None:
        similarities["bertscore"] = (aligned_pairs.by_bertscore(options.bertscore_model), f"bertscore:{options.bertscore_model}")
    files = find_files(options.gold or "", (".json",), "--gold is SQuAD-format JSON")
    gold = aligned_pairs.pairs_of(example for file in files for example in read_squad(file))
    if not gold:
        raise InputError(f"{options.gold}: no question with an answer in it")
    aligned = aligned_pairs.align(aligned_pairs.read_pairs(options.pairs or ""), gold)
    if aligned.lost:
        warn(f"{options.pairs}: {aligned.lost:,} pairs are about texts that the gold pairs are not about; they are left out")
    measures = aligned_pairs.aligned_measures(aligned, similarities)
    scores = with_intervals(measures, options.n_resamples, options.bootstrap_seed)
    write_pair_results(options.output_dir, scores, {"pairs": options.pairs, "gold": options.gold, "lost": aligned.lost})
    print(table({Path(options.pairs or "").stem: scores}, {Path(options.pairs or "").stem: len(aligned.gold)}))


def load_reader(name: str) -> "Decoder":
    """The model that answers. Raises InputError if there is none, or if it asks."""
    from toi.decoding.decoder import Decoder
    from toi.models.checkpoint import load, quiet
    from toi.scoring.roundtrip import qa_task

    quiet()
    reader = Decoder(load(name))
    qa_task(reader.checkpoint)
    return reader


def predict_model(options: EvaluateOptions) -> "tuple[dict[str, list[Prediction]], dict[str, object], dict[str, list[Measure]]]":
    """The model's predictions of each split, which are written too, what `results.json` says of the model, and its perplexities."""
    from toi.models.opening import open_model
    from toi.scoring.chosen import choices_of_predictions
    from toi.scoring.model import about_model, predict_splits
    from toi.scoring.perplexity import perplexity_measures

    data_dir, batch_size = options.data_dir or "data", options.per_device_eval_batch_size
    name = options.model_name_or_path or options.output_dir
    checkpoint = open_model(name, options.tokenizer_name_or_path, backend=options.backend)
    predictions = predict_splits(checkpoint, data_dir, options.split, options, batch_size, options.output_dir)
    perplexities = {
        split: perplexity_measures(checkpoint, rows, options, batch_size, f"{split}, perplexity")
        for split, rows in predictions.items()
        if not choices_of_predictions(rows)
    }
    return predictions, about_model(checkpoint, data_dir, options), perplexities


def check_inputs(options: EvaluateOptions) -> None:
    """Raise InputError for what would go wrong behind the slow work: missing files, packages, rows that do not fit."""
    from toi.data.examples import read_examples
    from toi.data.pairs import iterate_split
    from toi.data.predictions import read_predictions
    from toi.scoring.comparison import read_other
    from toi.scoring.hallucination import check_tokenizer
    from toi.scoring.scored import examples_by_id
    from toi.scoring.segmentation import decoded_pieces, segmentation
    from toi.system.errors import InputError

    for name in options.tokenizers if options.profile == "toi" else ["sudachi-a"] if options.profile == "lmqg" else []:
        segmentation(name)
    if options.profile == "sonoisa":
        decoded_pieces(pieces_of(options))
    check_tokenizer(options.hallucination_tokenizer)
    for split in options.split:
        if options.predictions:
            rows = [(p.id, p.target) for p in read_predictions(options.predictions)]
        else:
            rows = [(row.id, row.target) for row in iterate_split(options.data_dir or "data", split)]
        file = examples_file(options, split)
        if file is not None:
            examples_by_id(read_examples(file), [id for id, _ in rows], str(file))
        elif options.qa_model:
            place = Path(options.data_dir or "data") / f"{split}.jsonl"
            raise InputError(f"{place}: no such file; --qa_model needs the contexts, which a prepare script writes there")
        if options.compare:
            read_other(options.compare, rows)


def score_split(
    options: EvaluateOptions, predictions: "list[Prediction]", split: str, reader: "Decoder | None", perplexity: "list[Measure]"
) -> "Scored":
    """Everything that the options ask for about the predictions of a split. `perplexity`: that of the model, if there is one."""
    from toi.data.examples import read_examples
    from toi.data.task_files import read_task
    from toi.scoring import scored as evaluation
    from toi.scoring.comparison import read_other

    data_dir = data_dir_of(options)
    gold = evaluation.gold_references(data_dir, split) if data_dir else {}
    pieces = pieces_of(options) if options.profile == "sonoisa" else None
    scored = evaluation.score_rows(predictions, options, gold, pieces)
    if perplexity:
        scored = evaluation.with_measures(scored, perplexity, options)
    file = examples_file(options, split)
    if file is not None:
        task = read_task(file.parent)
        asks = task is not None and task.asks
        scored = evaluation.with_examples(scored, read_examples(file), options, asks=asks, where=str(file))
    if reader is not None:
        about: dict[str, object] = {"name": f"questions generated from {file}", "license": "unknown"}
        folder = Path(options.output_dir) / (f"{split}_round_trip")
        scored = evaluation.with_round_trip(scored, reader, options, options.per_device_eval_batch_size, folder, about)
    if options.compare:
        others = read_other(options.compare, [(p.id, p.target) for p in predictions])
        scored = evaluation.with_comparison(scored, others, options.compare, options, gold, pieces)
    return scored


def data_dir_of(options: EvaluateOptions) -> str | None:
    """The data folder: for a file of predictions only if it is given."""
    return options.data_dir if options.predictions else options.data_dir or "data"


def examples_file(options: EvaluateOptions, split: str) -> Path | None:
    """The Examples behind a split, if the data folder has them."""
    folder = data_dir_of(options)
    file = Path(folder) / f"{split}.jsonl" if folder else None
    return file if file is not None and file.is_file() else None


def pieces_of(options: EvaluateOptions) -> str:
    """The folder of the tokenizer for `--profile sonoisa`."""
    return options.tokenizer_name or options.model_name_or_path or options.output_dir


def __getattr__(name: str) -> object:
    """What the library `evaluate` of Hugging Face has, which this file would hide from what runs here (toi/system/handover.py)."""
    from toi.system.handover import from_library

    return from_library(__name__, __file__, name)


if __name__ == "__main__":
    run(main, EvaluateOptions)
