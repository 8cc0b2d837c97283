"""Rows -> choices with probabilities, and the file that holds them."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from tqdm import tqdm

from toi.data.asking import content_free, swapped_sources
from toi.data.examples import Row
from toi.data.pairs import iterate_split
from toi.data.predictions import Prediction, write_predictions
from toi.data.task_files import read_task
from toi.decoding.calibration import CONTENT_FREE, Calibration, contextual_biases, fitted, keep, kept, softmax
from toi.decoding.choice_options import ChoiceOptions, ChoicesOption
from toi.decoding.choosing import ChoiceScorer
from toi.decoding.options import DecodingOptions
from toi.decoding.predict import Run, computed
from toi.models.ready import Model
from toi.system.errors import InputError
from toi.system.versions import versions

Asks = Sequence[Sequence[str]]  # of each row its source, and where both ways round are asked, that with the answers swapped


@dataclass
class Choosing:
    """A model that chooses: calibrated or not, asked both ways round or not."""

    scorer: ChoiceScorer
    fingerprint: str
    calibration: Calibration | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """What it chooses among."""
        return self.scorer.tokens.names

    def probabilities(self, asks: Asks, batch_size: int) -> Iterator[tuple[int, numpy.ndarray]]:
        """The index of each row and the probabilities of its choices, (choices,): in batches, not in order.

        Both ways round they are the mean of both answers, each calibrated by itself: the same for a row and its mirror image.
        """
        sources = [source for ask in asks for source in ask]
        at = [(i, way) for i, ask in enumerate(asks) for way in range(len(ask))]
        waiting: dict[int, numpy.ndarray] = {}
        for number, log_probs in self.scorer.log_probs(sources, batch_size):
            row, way = at[number]
            shares = softmax(log_probs) if self.calibration is None else self.calibration.probabilities(log_probs)
            shares = mirrored(shares) if way else shares
            if len(asks[row]) == 1:
                yield row, shares
            elif row in waiting:
                yield row, (waiting.pop(row) + shares) / 2
            else:
                waiting[row] = shares

    def prediction(self, row: Row, ask: Sequence[str], shares: Sequence[float]) -> Prediction:
        """What is said of a row: the likeliest choice, of equal ones the first, and its log-probability among them.

        Asked both ways round, the first is that of the source that sorts first: so a swap changes no decision here either.
        """
        best = max(range(len(shares)), key=lambda i: shares[i])
        if best == 0 and shares[1] == shares[0] and ask[0] > ask[-1]:
            best = 1
        return Prediction(*row, self.choices[best], math.log(shares[best]), dict(zip(self.choices, shares, strict=True)))


def mirrored(shares: numpy.ndarray) -> numpy.ndarray:
    """The values of choices, (..., choices), where the first two, which name the answers, change places."""
    return numpy.concatenate([shares[..., 1::-1], shares[..., 2:]], axis=-1)


def choices_of(checkpoint: Model, options: DecodingOptions) -> tuple[str, ...]:
    """The choices of the options, else of the model's task; none where neither has some. Raises InputError where they differ."""
    own = () if checkpoint.task is None else checkpoint.task.choices
    given = tuple(options.choices) if isinstance(options, ChoicesOption) else ()
    if own and given and own != given:
        raise InputError(f"{checkpoint.name}: was trained for the choices {', '.join(own)}; leave --choices out")
    more = isinstance(options, ChoicesOption) and options.swap_average
    more = more or (isinstance(options, ChoiceOptions) and options.calibrate is not None)
    if more and not (own or given):
        raise InputError(f"{checkpoint.name}: --swap_average and --calibrate are for a model that chooses; give --choices")
    return given or own


def open_choosing(checkpoint: Model, choices: Sequence[str], options: DecodingOptions) -> Choosing:
    """A model that chooses, with what calibration is kept with it, unless the options say otherwise.

    Raises InputError for choices that its tokenizer cannot tell apart, and for a calibration of another model.
    """
    if options.do_sample or options.all_bad_words():
        raise InputError("the output is one of the choices; leave out --do_sample, --bad_words and --bad_words_file")
    scorer = ChoiceScorer(checkpoint, choices, options)
    choosing, folder = Choosing(scorer, scorer.checkpoint.fingerprint()), Path(checkpoint.name)
    if not (isinstance(options, ChoiceOptions) and options.calibrate) and folder.is_dir():
        choosing.calibration = kept(folder, choosing.choices, choosing.fingerprint)
    return choosing


def asks_of(rows: Sequence[Row], data_dir: str, split: str, *, swap: bool) -> Asks:
    """What is asked for the rows of a split, with `swap` both ways round. Raises InputError for that on rows without Examples."""
    if not swap:
        return [(row.source,) for row in rows]
    others = swapped_sources(data_dir, split, rows, read_task(data_dir))
    return [(row.source, other) for row, other in zip(rows, others, strict=True)]


def calibrate(choosing: Choosing, method: str, data_dir: str, batch_size: int, *, swap: bool) -> dict[str, Any]:
    """Fit a calibration (dev, contextual), and keep it with the model. Returns what it was fitted on, and what came of it.

    With `swap` both ways round of dev count as rows. Raises InputError where there is nothing to fit to or no folder.
    """
    checkpoint, names = choosing.scorer.checkpoint, choosing.choices
    folder = Path(checkpoint.name)
    if not folder.is_dir():
        raise InputError(f"{checkpoint.name}: not a folder that --calibrate could keep anything in; save the model in one")
    choosing.calibration = None
    about: dict[str, Any] = {"data_dir": data_dir}
    if method == "contextual":
        sources = [content_free(checkpoint.task, text) for text in CONTENT_FREE]
        temperature, biases = 1.0, contextual_biases(_log_probs(choosing, sources, batch_size))
        about = {"sources": sources}
    else:
        rows = list(iterate_split(data_dir, "dev"))
        golds = [_gold(names, row, data_dir) for row in rows]
        asks = asks_of(rows, data_dir, "dev", swap=swap)
        log_probs = _log_probs(choosing, [source for ask in asks for source in ask], batch_size)
        turned = [1, 0, *range(2, len(names))]
        every = [turned[gold] if way else gold for gold, ask in zip(golds, asks, strict=True) for way in range(len(ask))]
        temperature, biases = fitted(log_probs, every)
        about |= {"rows": len(every), "log_loss": {"before": _log_loss(log_probs, every)}}
        about["log_loss"]["after"] = _log_loss(log_probs / temperature + numpy.array(biases), every)
    calibration = Calibration(names, method, temperature, biases, choosing.fingerprint)
    keep(folder, calibration, about)
    choosing.calibration = calibration
    return about


def _gold(names: Sequence[str], row: Row, data_dir: str) -> int:
    if row.target not in names:
        raise InputError(f"{data_dir}/dev.tsv: {row.id}: the target {row.target!r} is none of the choices {', '.join(names)}")
    return names.index(row.target)


def _log_probs(choosing: Choosing, sources: Sequence[str], batch_size: int) -> numpy.ndarray:
    """(sources, choices)."""
    with tqdm(total=len(sources), desc="calibrate", unit=" examples", leave=False, disable=None) as bar:
        found = {}
        for i, log_probs in choosing.scorer.log_probs(sources, batch_size):
            found[i] = log_probs
            bar.update()
    return numpy.stack([found[i] for i in range(len(sources))])


def _log_loss(scores: numpy.ndarray, golds: Sequence[int]) -> float:
    return float(-numpy.log(softmax(scores)[numpy.arange(len(golds)), golds]).mean())


def choose(
    choosing: Choosing, rows: Sequence[Row], asks: Asks, batch_size: int, label: str = "predict", *, hidden: bool = False
) -> list[Prediction]:
    """The model's choice for every row, in their order, with a progress bar on stderr unless that is `hidden`."""
    predictions: list[Prediction | None] = [None] * len(rows)
    with tqdm(total=len(rows), desc=label, unit=" examples", leave=False, disable=hidden or None) as bar:
        for i, shares in choosing.probabilities(asks, batch_size):
            predictions[i] = choosing.prediction(rows[i], asks[i], shares.tolist())
            bar.update()
    return [prediction for prediction in predictions if prediction is not None]


def choose_to_file(
    choosing: Choosing, rows: Sequence[Row], asks: Asks, batch_size: int, path: str | Path, *, line_breaks: bool = False
) -> Run | None:
    """Write the choices for the rows to a file, as `toi.decoding.predict.predict_to_file` writes outputs."""

    def compute(left: list[int]) -> Iterator[tuple[int, list[Any]]]:
        for at, shares in choosing.probabilities([asks[i] for i in left], batch_size):
            yield left[at], shares.tolist()

    def write(results: list[list[Any]]) -> None:
        predictions = (choosing.prediction(*one) for one in zip(rows, asks, results, strict=True))
        write_predictions(path, predictions, line_breaks=line_breaks, choices=choosing.choices)

    def usable(number: int, result: list[Any]) -> bool:
        whole = len(result) == len(choosing.choices) and all(type(share) is float and 0 <= share <= 1 for share in result)
        return whole and 0 <= number < len(rows) and abs(sum(result) - 1) < 1e-6

    scorer, calibration = choosing.scorer, choosing.calibration
    fit = None if calibration is None else [calibration.temperature, *calibration.biases]
    about = [choosing.choices, choosing.fingerprint, versions(), [list(ask) for ask in asks], scorer.about, fit]
    done = computed(rows, path, hashlib.sha256(json.dumps(about).encode()).hexdigest(), usable, compute, write)
    if done is None:
        return None
    return Run(scorer.report, done.resumed, scorer.cut, [], done.seconds)
