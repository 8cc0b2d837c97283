"""What a model in training writes for the dev split: how well (`--metric_for_best_model`), and some of it (`--eval_samples`)."""

import hashlib
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import torch

from toi.data.examples import iterate_examples, row_id
from toi.data.pairs import iterate_split
from toi.data.task_files import keeps_line_breaks, read_task
from toi.decoding.choose import Choosing, choose
from toi.decoding.choosing import ChoiceScorer
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.decoding.predict import predict
from toi.models.checkpoint import Checkpoint
from toi.models.options import ModelOptions
from toi.scoring.bleu import bleu_measures
from toi.scoring.measures import Measure, References
from toi.scoring.metrics import exact_match_measures
from toi.scoring.rouge import rouge_measures
from toi.scoring.scored import gold_references, references
from toi.scoring.segmentation import segmentation
from toi.training.samples import Sample

# Options that change how fast outputs come, and of which a validation uses none: torch searches, since the weights change.
_SPEED = {"backend", "compute_type", "max_batch_tokens"}


class DevJudge:
    """See `toi.training.judge.Judge`. The figures are those that `--do_eval` gives the same model, decoded by torch.

    Where the task has choices, the output is the likeliest of them.
    """

    depends_on = tuple(
        sorted({option.name for option in fields(DecodingOptions)} - {option.name for option in fields(ModelOptions)} - _SPEED)
    )

    def __init__(self, metric: str, data_dir: str, options: DecodingOptions, batch_size: int):
        """Raises InputError for a dev split that cannot be used, or a target that is empty."""
        self.metric, self._batch_size = metric, batch_size
        self._options = replace(options, backend="torch", compute_type="auto")
        self._line_breaks, self._choices = keeps_line_breaks(data_dir), _choices(data_dir)
        self._rows = list(iterate_split(data_dir, "dev"))
        self._references = references(self._rows, gold_references(data_dir, "dev"))

    def outputs(self, checkpoint: Checkpoint, process: int, processes: int, device: torch.device) -> list[tuple[int, str]]:
        """Rows that are neighbours in length go to different processes, so that all have about the same to do."""
        lengths = [len(row.source) for row in self._rows]
        mine = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))[process::processes]
        if not mine:
            return []
        rows, hidden, options = [self._rows[i] for i in mine], process > 0, self._options
        if self._choices:
            choosing = Choosing(ChoiceScorer(checkpoint, self._choices, options, device), "")  # nothing is kept of it
            found = choose(choosing, rows, [(row.source,) for row in rows], self._batch_size, "dev", hidden=hidden)
        else:
            decoder = Decoder(checkpoint, device)  # a new one: it keeps what it made of the weights
            found = predict(decoder, rows, options, self._batch_size, "dev", line_breaks=self._line_breaks, hidden=hidden)
        return [(i, prediction.output) for i, prediction in zip(mine, found, strict=True)]

    def figure(self, outputs: Mapping[int, str]) -> float:
        """The metric over all rows: references are their targets, and gold answers where the data has them."""
        measures = _measures(self.metric, [outputs[i] for i in range(len(self._rows))], self._references)
        return next(measure.value for measure in measures if measure.name == self.metric)


class DevSampler:
    """See `toi.training.samples.Sampler`: the rows whose ids have the lowest hashes, which other rows do not change."""

    def __init__(self, count: int, data_dir: str, options: DecodingOptions):
        """Raises InputError for a dev split that cannot be used."""
        self._options = replace(
            options, backend="torch", compute_type="auto", num_beams=1, num_beam_groups=1, diversity_penalty=0.0,
            do_sample=False, temperature=1.0, top_k=50, top_p=1.0,
        )  # fmt: skip
        self._line_breaks = keeps_line_breaks(data_dir)
        self._rows = heapq.nsmallest(count, iterate_split(data_dir, "dev"), key=lambda row: _hash(row.id))
        asked = _asked(data_dir, {row.id for row in self._rows})
        self.samples: Sequence[Sample] = [Sample(row.id, asked.get(row.id, row.source), row.target) for row in self._rows]

    def outputs(self, checkpoint: Checkpoint, process: int, processes: int, device: torch.device) -> list[tuple[int, str]]:
        """Every so manieth sample."""
        mine = range(len(self._rows))[process::processes]
        if not mine:
            return []
        decoder, rows = Decoder(checkpoint, device), [self._rows[i] for i in mine]
        found = predict(decoder, rows, self._options, len(rows), "samples", line_breaks=self._line_breaks, hidden=True)
        return [(i, prediction.output) for i, prediction in zip(mine, found, strict=True)]


def _choices(data_dir: str) -> tuple[str, ...]:
    task = read_task(data_dir)
    return () if task is None else task.choices


def _hash(id: str) -> bytes:
    return hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()


def _asked(data_dir: str, ids: set[str]) -> dict[str, str]:
    """What rows of dev ask, without the template around it, by their ids; of those whose Examples are known."""
    path = Path(data_dir) / "dev.jsonl"
    examples = iterate_examples(path) if path.is_file() else ()
    return {row_id(one.id): "\n".join(filter(None, (one.question, one.context))) for one in examples if row_id(one.id) in ids}


def _measures(metric: str, outputs: Sequence[str], golds: References) -> list[Measure]:
    """Those of the profile `toi`, the metric among them."""
    match metric:
        case "exact_match":
            return exact_match_measures(outputs, golds)
        case "bleu":
            return bleu_measures(outputs, golds, segmentation("mecab"))
        case "rougeL":
            return rouge_measures(outputs, golds, segmentation("mecab"))
    raise ValueError(f"unknown metric {metric!r}")
