"""Toi's scores of Japanese questions and answers as a metric of the Hugging Face library `evaluate`.

import evaluate

metric = evaluate.load("path/to/toi/metrics/toi_qg")
metric.compute(predictions=["今日はわるい天気だ"], references=["今日は天気だ"])
"""

import importlib
import json
import sys
from pathlib import Path

import datasets
import evaluate

_DESCRIPTION = """\
Exact match, character F1, sacreBLEU, chrF, ROUGE-1/2/L/Lsum, distinct-n and length ratio of Japanese texts over MeCab
(IPADIC) tokens, or the conventions of a published table. The functions are those of Toi's evaluate.py.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions: texts, one a row.
    references: for each prediction the right text, or a list of several.
    tokenizer: mecab (default), sudachi-a, sudachi-b, sudachi-c, char, or t5:FOLDER.
    profile: toi (default), jglue, sonoisa or lmqg; see docs/evaluation.md.
    tokenizer_name: the folder of the T5 tokenizer for the profile sonoisa.
    n_resamples: 0 (default), or the bootstrap resamples of the 95% intervals.
    signatures: whether the signatures come along.
Returns:
    name -> figure; with n_resamples also `intervals` (name -> [low, high]), with signatures also `signatures`.
"""

_TEXT = datasets.Value("string")


class ToiQG(evaluate.Metric):
    """The metric module."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_KWARGS_DESCRIPTION,
            features=[
                datasets.Features({"predictions": _TEXT, "references": datasets.Sequence(_TEXT)}),
                datasets.Features({"predictions": _TEXT, "references": _TEXT}),
            ],
        )

    def _compute(
        self,
        predictions: list[str],
        references: list[str] | list[list[str]],
        tokenizer: str = "mecab",
        profile: str = "toi",
        tokenizer_name: str | None = None,
        n_resamples: int = 0,
        signatures: bool = False,
    ) -> dict[str, object]:
        profiles, resampling = _toi("toi.scoring.profiles"), _toi("toi.scoring.resampling")
        golds = [[gold] if isinstance(gold, str) else list(gold) for gold in references]
        measures = profiles.profile_measures(profile, predictions, golds, tokenizer, tokenizer_name)
        scores = resampling.with_intervals(measures, n_resamples)
        found: dict[str, object] = {name: score.value for name, score in scores.items()}
        if n_resamples:
            found["intervals"] = {name: [score.low, score.high] for name, score in scores.items()}
        if signatures:
            found["signatures"] = {name: score.signature for name, score in scores.items()}
        return found


def _toi(name: str):  # noqa: ANN202  # a module
    """A module of Toi. The library runs a copy of this file in its cache, and keeps beside it where it was loaded from."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in ("toi", name):
            raise
    note = Path(__file__).with_suffix(".json")
    origin = Path(json.loads(note.read_text(encoding="utf-8"))["original file path"]) if note.is_file() else Path(__file__)
    root = origin.resolve().parents[2]
    if not (root / "toi" / "scoring" / "metrics.py").is_file():
        raise ModuleNotFoundError(f"Toi is not in {root}; put the folder of its repository on PYTHONPATH")
    sys.path.append(str(root))  # at the end: its scripts must hide nothing
    return importlib.import_module(name)


def _remember_origin() -> None:
    """Make the path that the library noted absolute, now that it is right: the next load may be from another folder."""
    note = Path(__file__).with_suffix(".json")
    if note.is_file():
        value = json.loads(note.read_text(encoding="utf-8"))
        origin = Path(value["original file path"])
        if not origin.is_absolute() and origin.is_file():
            note.write_text(json.dumps({**value, "original file path": str(origin.resolve())}), encoding="utf-8")


_remember_origin()
