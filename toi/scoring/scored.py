"""A model's scores on the splits of a data folder, or those of a predictions file; `results.json`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from toi.data.examples import Example, read_examples, read_rows, split_path
from toi.data.predictions import Prediction, read_predictions, write_predictions
from toi.data.tasks import HIGHLIGHT, keeps_line_breaks, read_task
from toi.data.tsv import escape
from toi.decoding.options import DecodingOptions
from toi.decoding.predict import predict
from toi.models.checkpoint import Checkpoint
from toi.scoring.hallucination import hallucinated_words, leaks
from toi.scoring.metrics import Measure, Score, installed, mean_measure, ratio_measure
from toi.scoring.options import ScoringOptions
from toi.scoring.profiles import ROW_METRIC, profile_measures
from toi.scoring.resampling import Difference, compare, with_intervals
from toi.scoring.roundtrip import RoundTrip, round_trip
from toi.system.errors import InputError
from toi.system.files import write_json
from toi.system.versions import versions

TYPES = ("question_type", "answer_type")  # what JaQuAD says of its questions
_LABELS = re.compile(r"(?:^|(?<=[ \n]))(?:answer|context|question): ")  # as toi/data/tasks.py has them
_CHANGES = 10  # examples that --compare shows


@dataclass(frozen=True)
class Change:
    """An example that two systems answered differently: the figures of both, the difference ours - theirs."""

    id: str
    ours: float
    theirs: float
    output: str
    other: str


@dataclass(frozen=True)
class Comparison:
    """Our outputs against those of another file: differences by metric, and the examples that changed most."""

    file: str
    metric: str  # of the changes
    differences: dict[str, Difference]
    changes: list[Change]
    others: list[str]  # their outputs, in the order of our rows


@dataclass(frozen=True)
class Scored:
    """Predictions of a split and what was found out about them. Lists and measures have a row for each prediction."""

    predictions: list[Prediction]
    measures: list[Measure]
    scores: dict[str, Score]
    by_tokenizer: dict[str, dict[str, Score]]
    hallucinated: list[list[str]]
    leaked: list[bool] | None = None
    examples: dict[str, Example] = field(default_factory=dict)
    trip: RoundTrip | None = None
    comparison: Comparison | None = None

    def by_type(self, kind: str) -> dict[str, dict[str, float]]:
        """Rows and figures of the predictions of each question type (answer type); nothing where the data has none."""
        groups: dict[str, list[int]] = {}
        for i, prediction in enumerate(self.predictions):
            example = self.examples.get(prediction.id)
            if example is not None and (value := example.extra.get(kind)):
                groups.setdefault(str(value), []).append(i)
        shown = [measure for measure in self.measures if not measure.name.startswith("distinct")]
        found = {}
        for value in sorted(groups, key=lambda value: (-len(groups[value]), value)):
            rows = np.array(groups[value])
            figures = {measure.name: float(measure.figure(measure.rows[rows].sum(axis=0))) for measure in shown}
            found[value] = {"rows": len(rows), **figures}
        return found


def evaluate_model(
    checkpoint: Checkpoint, data_dir: str, splits: Sequence[str], options: DecodingOptions, batch_size: int, output_dir: str
) -> tuple[dict[str, dict[str, Score]], dict[str, int]]:
    """Predict the splits, write `{split}_output.tsv` and `results.json` to `output_dir`, return the scores and row counts."""
    predictions = predict_splits(checkpoint, data_dir, splits, options, batch_size, output_dir)
    scoring = ScoringOptions()
    scored = {split: score_rows(predictions[split], scoring, gold_answers(data_dir, split)) for split in splits}
    write_results(output_dir, scored, scoring, about_model(checkpoint, data_dir, options))
    return {split: found.scores for split, found in scored.items()}, {split: len(predictions[split]) for split in splits}


def predict_splits(
    checkpoint: Checkpoint, data_dir: str, splits: Sequence[str], options: DecodingOptions, batch_size: int, output_dir: str
) -> dict[str, list[Prediction]]:
    """Predict the splits and write `{split}_output.tsv`."""
    line_breaks = keeps_line_breaks(data_dir)
    rows = {split: read_rows(split_path(data_dir, split), line_breaks=line_breaks) for split in splits}
    found = {}
    for split in splits:
        found[split] = predict(checkpoint, rows[split], options, batch_size, split, line_breaks=line_breaks)
        write_predictions(Path(output_dir) / f"{split}_output.tsv", found[split], line_breaks=line_breaks)
    return found


def about_model(checkpoint: Checkpoint, data_dir: str, options: DecodingOptions) -> dict[str, Any]:
    """The beginning of `results.json`: which model, on which data, decoded how."""
    decoding = {name: value for name, value in vars(options).items() if name in DecodingOptions.__dataclass_fields__}
    return {"model": checkpoint.name, "data_dir": data_dir, "decoding": decoding}


def score_predictions(
    predictions: Sequence[Prediction], gold: Mapping[str, Sequence[str]] | None = None, options: ScoringOptions | None = None
) -> dict[str, Score]:
    """The scores of predictions against their targets, and against all gold answers where `gold` has them by id.

    Raises InputError if a target is empty.
    """
    return score_rows(predictions, options or ScoringOptions(), gold).scores


def score_rows(
    predictions: Sequence[Prediction],
    options: ScoringOptions,
    gold: Mapping[str, Sequence[str]] | None = None,
    pieces: str | None = None,
) -> Scored:
    """What the predictions alone tell: the scores of the profile, and words that are not in the input.

    `pieces` is the folder of the T5 tokenizer of `--profile sonoisa`. Raises InputError if a target is empty, or if a text
    is no Unicode text.
    """
    golds = references(predictions, gold or {})
    outputs = [prediction.output for prediction in predictions]
    by_tokenizer: dict[str, dict[str, Score]] = {}
    measures: list[Measure] = []
    for name in options.tokenizers:
        try:
            found = profile_measures(options.profile, outputs, golds, name, pieces)
        except ValueError as error:
            raise InputError(str(error)) from None
        if not measures:
            measures = found
        by_tokenizer[name] = with_intervals(found, options.n_resamples, options.bootstrap_seed)
    words = [
        hallucinated_words(p.output, _given(p.source), options.stop_words, tokenizer=options.hallucination_tokenizer)
        for p in predictions
    ]
    stops = "+".join(options.stop_words) or "none"
    signature = f"ref:input|words:content|tok:{options.hallucination_tokenizer}|stop:{stops}"
    measures = [
        *measures,
        mean_measure("hallucination", [float(bool(found)) for found, _ in words], f"rows|{signature}"),
        ratio_measure("hallucinated_words", [len(found) for found, _ in words], [n for _, n in words], f"words|{signature}"),
    ]
    scores = with_intervals(measures, options.n_resamples, options.bootstrap_seed)
    return Scored(list(predictions), measures, scores, by_tokenizer, [found for found, _ in words])


def _given(source: str) -> str:
    """The texts in a prompt, without the highlight and the words of the built-in templates: nobody gave the `c` of `context:`."""
    return _LABELS.sub("", source.replace(HIGHLIGHT, ""))


def with_examples(scored: Scored, examples: Sequence[Example], options: ScoringOptions, *, asks: bool, where: str) -> Scored:
    """Add what needs the Examples: their types, and whether a question holds its answer.

    Raises InputError if a prediction has no Example in `where`.
    """
    found = replace(scored, examples=examples_by_id(examples, [prediction.id for prediction in scored.predictions], where))
    by_id = found.examples
    if not asks:
        return found
    leaked = [leaks(p.output, [answer.text for answer in by_id[p.id].answers]) for p in scored.predictions]
    measure = mean_measure("answer_leak", [float(leak) for leak in leaked], "rows|match:substring")
    return _with_measures(found, [measure], options, leaked)


def examples_by_id(examples: Sequence[Example], ids: Sequence[str], where: str) -> dict[str, Example]:
    """The Examples by the id of their row. Raises InputError if one of `ids` has no Example in `where`."""
    by_id = {_row_id(example): example for example in examples}
    missing = [id for id in ids if id not in by_id]
    if missing:
        raise InputError(
            f"{where}: {len(missing):,} of {len(ids):,} rows are not in it, the first {missing[0]!r}; "
            "give the --data_dir and the --split that were predicted"
        )
    return by_id


def _with_measures(scored: Scored, added: list[Measure], options: ScoringOptions, leaked: list[bool] | None = None) -> Scored:
    scores = {**scored.scores, **with_intervals(added, options.n_resamples, options.bootstrap_seed)}
    return replace(scored, measures=[*scored.measures, *added], scores=scores, leaked=scored.leaked if leaked is None else leaked)


def _row_id(example: Example) -> str:
    from toi.text.normalization import Normalization

    return Normalization()(example.id)  # as toi/data/tasks.py writes it into the row


def with_round_trip(
    scored: Scored, reader: Checkpoint, options: ScoringOptions, batch_size: int, folder: str | Path, about: dict[str, object]
) -> Scored:
    """Add the answers of a QA model to the generated questions. Needs the Examples (`with_examples`)."""
    trip = round_trip(scored.predictions, scored.examples, reader, batch_size, folder, about)
    return replace(_with_measures(scored, trip.measures, options), trip=trip)


def read_other(path: str, rows: Sequence[tuple[str, str]]) -> list[Prediction]:
    """The predictions of another file, in the order of our rows (id, target).

    Raises InputError if it has other rows, or other targets.
    """
    others: dict[str, Prediction] = {}
    for prediction in read_predictions(path):
        if prediction.id in others:
            raise InputError(f"{path}: two rows with the id {prediction.id!r}")
        others[prediction.id] = prediction
    ours = {id for id, _ in rows}
    if len(ours) < len(rows):
        raise InputError("rows to be compared have the same id twice")
    if ours != set(others):
        lacking, added = [id for id, _ in rows if id not in others], [id for id in others if id not in ours]
        parts = [f"{len(lacking):,} of our rows are not in it (the first {lacking[0]!r})"] if lacking else []
        parts += [f"{len(added):,} of its rows are not ours (the first {added[0]!r})"] if added else []
        raise InputError(f"{path}: not predictions on the same rows: {', '.join(parts)}")
    for id, target in rows:
        if others[id].target != target:
            raise InputError(f"{path}: the target of {id!r} is {others[id].target!r} there, but {target!r} here")
    return [others[id] for id, _ in rows]


def with_comparison(
    scored: Scored,
    others: Sequence[Prediction],
    path: str,
    options: ScoringOptions,
    gold: Mapping[str, Sequence[str]] | None = None,
    pieces: str | None = None,
) -> Scored:
    """Add the differences to another file of predictions on the same rows (`read_other`)."""
    theirs = score_rows(others, replace(options, n_resamples=0), gold, pieces).measures
    ours = scored.measures[: len(theirs)]
    differences = compare(ours, theirs, options.n_resamples, options.bootstrap_seed)
    metric = ROW_METRIC[options.profile]
    mine, other = (next(m.of_rows for m in measures if m.name == metric) for measures in (ours, theirs))
    order = sorted(range(len(mine)), key=lambda i: (-abs(mine[i] - other[i]), i))
    changes = [
        Change(p.id, float(mine[i]), float(other[i]), p.output, others[i].output)
        for i in order[:_CHANGES]
        if (p := scored.predictions[i]).output != others[i].output
    ]
    outputs = [prediction.output for prediction in others]
    return replace(scored, comparison=Comparison(path, metric, differences, changes, outputs))


def references(predictions: Sequence[Prediction], gold: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The right answers to each prediction: its target, and its gold answers. Raises InputError if a target is empty."""
    golds = []
    for prediction in predictions:
        if not prediction.target:
            raise InputError(f"prediction {prediction.id!r} has no target to be compared with")
        golds.append(list(dict.fromkeys([prediction.target, *gold.get(prediction.id, ())])))
    return golds


def gold_answers(data_dir: str | Path, split: str) -> dict[str, list[str]]:
    """For a QA data folder with Examples: all normalized gold answers of each question of a split, by id."""
    task = read_task(data_dir)
    if task is None or task.asks:
        return {}
    path = Path(data_dir) / f"{split}.jsonl"
    return {_row_id(example): task.answers(example) for example in read_examples(path)} if path.is_file() else {}


def write_results(output_dir: str | Path, scored: Mapping[str, Scored], options: ScoringOptions, about: Mapping[str, Any]) -> None:
    """Write `results.json`: every figure with its interval and signature, and what they depend on."""
    results = {
        **about,
        "scoring": {"profile": options.profile, "n_resamples": options.n_resamples, "bootstrap_seed": options.bootstrap_seed},
        "splits": {split: _results(found) for split, found in scored.items()},
        "versions": scoring_versions(options),
    }
    write_json(Path(output_dir) / "results.json", results)


def _results(found: Scored) -> dict[str, Any]:
    result: dict[str, Any] = {"rows": len(found.predictions), **_figures(found.scores)}
    if len(found.by_tokenizer) > 1:
        result["tokenizers"] = {name: _figures(scores) for name, scores in found.by_tokenizer.items()}
    types = {kind: groups for kind in TYPES if (groups := found.by_type(kind))}
    if types:
        result["by_type"] = types
    if found.trip is not None:
        result["rows_without_question"] = found.trip.unasked
    if found.comparison is not None:
        c = found.comparison
        result["comparison"] = {
            "file": c.file,
            "differences": {name: {**vars(d)} for name, d in c.differences.items()},
            "method": "p: approximate randomization; low, high: paired bootstrap, 95%",
            "changes": {"metric": c.metric, "rows": [vars(change) for change in c.changes]},
        }
    return result


def _figures(scores: Mapping[str, Score]) -> dict[str, Any]:
    return {
        "metrics": {name: score.value for name, score in scores.items()},
        "intervals": {name: [score.low, score.high] for name, score in scores.items() if score.low is not None},
        "signatures": {name: score.signature for name, score in scores.items()},
    }


def scoring_versions(options: ScoringOptions) -> dict[str, str]:
    """The versions that a score may depend on."""
    packages = ["fugashi", "ipadic", "numpy"]
    if options.profile == "lmqg" or any(name.startswith("sudachi") for name in options.tokenizers):
        packages += ["sudachipy", "sudachidict_core"]
    if options.hallucination_tokenizer == "ginza":
        packages += ["ginza", "spacy"]
    return {**versions(), **{package: installed(package) for package in packages}}


def table(scores: Mapping[str, Mapping[str, Score]], counts: Mapping[str, int]) -> str:
    """A table of scores with their 95% intervals, one line per metric and one column per split, and the signatures under it.

    The number before a figure is that of its signature.
    """
    columns = list(scores)
    names = list(dict.fromkeys(name for found in scores.values() for name in found))
    width = max(27, *(len(column) + 2 for column in columns))
    lines = [f"{'':25}" + "".join(f"{column:<{width}}" for column in columns)]
    lines.append(f"{'rows':25}" + "".join(f"{counts[column]:<{width},}" for column in columns))
    signatures: dict[str, int] = {}
    for name in names:
        cells, numbers = [], []
        for column in columns:
            found = scores[column].get(name)
            if found is not None:
                numbers.append(signatures.setdefault(found.signature, len(signatures) + 1))
            cells.append(f"{cell(name, found) if found else '':<{width}}")
        lines.append(f"{name:19}{_span(numbers):>5} " + "".join(cells))
    lines += [f"{_span(numbers):>5} {signature}" for signature, numbers in _gathered(signatures).items()]
    return "\n".join(line.rstrip() for line in lines)


def _gathered(signatures: Mapping[str, int]) -> dict[str, list[int]]:
    """Signatures that differ in the tokenizer alone as one, which names all: `tok:{mecab-ipadic, char}`."""
    groups: dict[str, dict[str, int]] = {}
    for signature, number in signatures.items():
        groups.setdefault(re.sub(r"tok:[^|]*", "tok:*", signature), {})[signature] = number
    found: dict[str, list[int]] = {}
    for pattern, group in groups.items():
        numbers = list(group.values())
        if len(group) == 1 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            found.update({signature: [number] for signature, number in group.items()})
            continue
        names = ", ".join(re.findall(r"tok:([^|]*)", "|".join(group)))
        found[pattern.replace("tok:*", f"tok:{{{names}}}")] = numbers
    return found


def tokenizer_table(found: Scored) -> str:
    """The scores that depend on the tokenizer, one column for each."""
    return table(depending(found.by_tokenizer), dict.fromkeys(found.by_tokenizer, len(found.predictions)))


def depending(by_tokenizer: Mapping[str, Mapping[str, Score]]) -> dict[str, dict[str, Score]]:
    """The scores whose signature names the tokenizer: it is not the same for all."""
    columns = list(by_tokenizer.values())
    names = [name for name in columns[0] if len({column[name].signature for column in columns}) > 1]
    return {tokenizer: {name: scores[name] for name in names} for tokenizer, scores in by_tokenizer.items()}


def _span(numbers: Sequence[int]) -> str:
    """`3`, or `3-6` for several."""
    return str(numbers[0]) if len(set(numbers)) == 1 else f"{min(numbers)}-{max(numbers)}"


def in_hundreds(name: str) -> bool:
    """Whether a metric is in [0, 100], as those of sacreBLEU and COCO's BLEU are, and not in [0, 1]."""
    return name.startswith(("bleu", "chrf"))


def digits_of(name: str) -> int:
    """How many decimals of a metric are shown."""
    return 2 if in_hundreds(name) else 4


def cell(name: str, found: Score) -> str:
    """A figure and its interval: `0.7713 [0.7421, 0.7981]`."""
    digits = digits_of(name)
    interval = "" if found.low is None else f" [{found.low:.{digits}f}, {found.high:.{digits}f}]"
    return f"{found.value:.{digits}f}{interval}"


def comparison_table(comparison: Comparison) -> str:
    """The differences with their intervals and p-values, and the examples that changed most, an output a line."""
    lines = [f"{'compared with':23}{comparison.file}", f"{'':25}{'difference':<27}p"]
    for name, d in comparison.differences.items():
        digits = digits_of(name)
        difference = f"{d.value:+.{digits}f} [{d.low:+.{digits}f}, {d.high:+.{digits}f}]"
        lines.append(f"{name:25}{difference:<27}{d.p:.4f}")
    lines.append(f"changed most ({comparison.metric}, ours - theirs)")
    for c in comparison.changes:
        ours, theirs = (escape(text) if "\n" in text else text for text in (c.output, c.other))
        lines += [f"  {c.ours - c.theirs:+.4f}  {c.id}", f"    ours    {ours}", f"    theirs  {theirs}"]
    if not comparison.changes:
        lines.append("  nothing: all outputs are the same")
    return "\n".join(lines)
