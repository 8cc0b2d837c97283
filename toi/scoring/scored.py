"""What is found out about the predictions of a split: their scores, words of their own, leaks, differences, the round trip.

Nothing here needs a model but `with_round_trip`, so a file of predictions is scored without torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toi.data.examples import Example, Row, read_examples
from toi.data.predictions import Prediction
from toi.data.task_files import read_task
from toi.data.tasks import HIGHLIGHT, right_targets
from toi.data.templates import without_labels
from toi.scoring.chosen import choice_measures, choices_of_predictions, groups
from toi.scoring.comparison import Comparison, compared
from toi.scoring.hallucination import hallucinated_words
from toi.scoring.measures import Measure, Score, mean_measure, ratio_measure
from toi.scoring.options import ScoringOptions
from toi.scoring.profiles import ROW_METRIC, profile_measures
from toi.scoring.resampling import with_intervals
from toi.system.errors import InputError
from toi.text.holders import leaks
from toi.text.normalization import Normalization

if TYPE_CHECKING:  # what these import is slow
    from toi.decoding.decoder import Decoder
    from toi.scoring.roundtrip import RoundTrip

TYPES = ("question_type", "answer_type")  # what JaQuAD says of its questions


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
    trip: "RoundTrip | None" = None
    comparison: Comparison | None = None

    def by_type(self, kind: str) -> dict[str, dict[str, float]]:
        """Rows and figures of the predictions of each question type (answer type); nothing where the data has none."""
        groups: dict[str, list[int]] = {}
        for i, prediction in enumerate(self.predictions):
            example = self.examples.get(prediction.id)
            if example is not None and (value := example.extra.get(kind)):
                groups.setdefault(str(value), []).append(i)
        return self._of_groups({value: groups[value] for value in sorted(groups, key=lambda value: (-len(groups[value]), value))})

    def by_group(self) -> dict[str, dict[str, dict[str, float]]]:
        """Of choices between answers the same by the difference of their lengths, and by the models that gave them."""
        found = groups(self.predictions, self.examples) if choices_of_predictions(self.predictions) else {}
        return {kind: self._of_groups(rows) for kind, rows in found.items()}

    def _of_groups(self, groups: Mapping[str, Sequence[int]]) -> dict[str, dict[str, float]]:
        shown = [measure for measure in self.measures if not measure.name.startswith("distinct")]
        by_value = {}
        for value, of_value in groups.items():
            rows = np.array(of_value)
            figures = {measure.name: float(measure.figure(measure.rows[rows].sum(axis=0))) for measure in shown}
            by_value[value] = {"rows": len(rows), **figures}
        return by_value


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
    if choices_of_predictions(predictions):  # figures of texts say nothing of them
        of_choices = choice_measures(predictions)
        scores = with_intervals(of_choices, options.n_resamples, options.bootstrap_seed)
        return Scored(list(predictions), of_choices, scores, {}, [[] for _ in predictions])
    outputs = [prediction.output for prediction in predictions]
    by_tokenizer: dict[str, dict[str, Score]] = {}
    measures: list[Measure] = []
    for name in options.tokenizers:
        try:
            of_tokenizer = profile_measures(options.profile, outputs, golds, name, pieces)
        except ValueError as error:
            raise InputError(str(error)) from None
        if not measures:
            measures = of_tokenizer
        by_tokenizer[name] = with_intervals(of_tokenizer, options.n_resamples, options.bootstrap_seed)
    words = [
        hallucinated_words(p.output, _given(p.source), options.stop_words, tokenizer=options.hallucination_tokenizer)
        for p in predictions
    ]
    stops = "+".join(options.stop_words) or "none"
    signature = f"ref:input|words:content|tok:{options.hallucination_tokenizer}|stop:{stops}"
    measures = [
        *measures,
        mean_measure("hallucination", [float(bool(made_up)) for made_up, _ in words], f"rows|{signature}"),
        ratio_measure("hallucinated_words", [len(made_up) for made_up, _ in words], [n for _, n in words], f"words|{signature}"),
    ]
    scores = with_intervals(measures, options.n_resamples, options.bootstrap_seed)
    return Scored(list(predictions), measures, scores, by_tokenizer, [made_up for made_up, _ in words])


def _given(source: str) -> str:
    """The texts in a prompt, without the highlight and the words of the built-in templates: nobody gave the `c` of `context:`."""
    return without_labels(source.replace(HIGHLIGHT, ""))


def with_examples(scored: Scored, examples: Sequence[Example], options: ScoringOptions, *, asks: bool, where: str) -> Scored:
    """Add what needs the Examples: their types, and whether a question holds its answer.

    Raises InputError if a prediction has no Example in `where`.
    """
    by_id = examples_by_id(examples, [prediction.id for prediction in scored.predictions], where)
    scored = replace(scored, examples=by_id)
    if not asks:
        return scored
    about = [by_id[prediction.id] for prediction in scored.predictions]
    leaked = [
        leaks(prediction.output, [answer.text for answer in example.answers], example.context)
        for prediction, example in zip(scored.predictions, about, strict=True)
    ]
    measure = mean_measure("answer_leak", [float(leak) for leak in leaked], "rows|match:word|tok:mecab")
    return with_measures(scored, [measure], options, leaked)


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


def with_measures(scored: Scored, added: list[Measure], options: ScoringOptions, leaked: list[bool] | None = None) -> Scored:
    """Add figures that something else told of the same rows: a model, Examples."""
    scores = {**scored.scores, **with_intervals(added, options.n_resamples, options.bootstrap_seed)}
    return replace(scored, measures=[*scored.measures, *added], scores=scores, leaked=scored.leaked if leaked is None else leaked)


def _row_id(example: Example) -> str:
    return Normalization()(example.id)  # as toi/data/tasks.py writes it into the row


def with_round_trip(
    scored: Scored, reader: "Decoder", options: ScoringOptions, batch_size: int, folder: str | Path, about: dict[str, object]
) -> Scored:
    """Add the answers of a QA model to the generated questions. Needs the Examples (`with_examples`)."""
    from toi.scoring.roundtrip import round_trip

    trip = round_trip(scored.predictions, scored.examples, reader, batch_size, folder, about)
    return replace(with_measures(scored, trip.measures, options), trip=trip)


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
    ours = choices_of_predictions(scored.predictions)
    if ours != choices_of_predictions(others):
        raise InputError(f"{path}: other choices than these predictions have; nothing of them can be compared")
    measures = scored.measures[: len(theirs)], theirs
    n_resamples, seed = options.n_resamples, options.bootstrap_seed
    metric = "log_loss" if ours else ROW_METRIC[options.profile]
    return replace(scored, comparison=compared(scored.predictions, others, measures, metric, path, n_resamples, seed))


def references(predictions: Sequence[Row | Prediction], gold: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The right answers to each prediction: its target, and its gold answers. Raises InputError if a target is empty."""
    golds = []
    for prediction in predictions:
        if not prediction.target:
            raise InputError(f"prediction {prediction.id!r} has no target to be compared with")
        golds.append(list(dict.fromkeys([prediction.target, *gold.get(prediction.id, ())])))
    return golds


def gold_references(data_dir: str | Path, split: str) -> dict[str, list[str]]:
    """For a data folder with Examples: all right targets of each row of a split that the Examples know, by id.

    Raises InputError if a question of the Examples cannot be written as the task has it.
    """
    task = read_task(data_dir)
    path = Path(data_dir) / f"{split}.jsonl"
    if task is None or not path.is_file():
        return {}
    try:
        return {_row_id(example): right for example in read_examples(path) if (right := right_targets(task, example))}
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {error}; run the prepare script again") from None
