"""Scores of predictions against references: pure functions `f(predictions, references) -> dict`.

Figures are in [0, 1], those of BLEU in [0, 100].

`references[i]` are all the right answers to prediction `i`, one at least.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from toi.tokens import mecab_tokens

References = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Score:
    """A figure and the signature that lets another person compute it again."""

    value: float
    signature: str


def exact_match(predictions: Sequence[str], references: References) -> dict[str, Score]:
    """The share of predictions that equal one of their references, character by character."""
    _check(predictions, references)
    hits = sum(prediction in golds for prediction, golds in zip(predictions, references, strict=True))
    return {"exact_match": Score(hits / len(predictions), f"exact_match|nrefs:{_counts(references)}")}


def bleu(predictions: Sequence[str], references: References) -> dict[str, Score]:
    """sacreBLEU's corpus BLEU over MeCab tokens (`ja-mecab`), in [0, 100] (Post 2018)."""
    from sacrebleu.metrics.bleu import BLEU

    _check(predictions, references)
    most = max(map(len, references))
    # sacreBLEU wants one stream of references after the other; None where a row has fewer.
    streams = [[golds[i] if i < len(golds) else None for golds in references] for i in range(most)]
    metric = BLEU(tokenize="ja-mecab")
    value = metric.corpus_score(list(predictions), streams).score
    return {"bleu": Score(value, str(metric.get_signature()))}


def rouge(predictions: Sequence[str], references: References) -> dict[str, Score]:
    """ROUGE-1, -2 and -L (F-measure, mean over rows, best reference) over MeCab tokens (Lin 2004)."""
    from rouge_score.rouge_scorer import RougeScorer

    _check(predictions, references)
    names = ("rouge1", "rouge2", "rougeL")
    # rouge_score's own tokenizer keeps only [a-z0-9]: Japanese would score 0.
    scorer = RougeScorer(list(names), tokenizer=_MecabTokenizer())
    totals = dict.fromkeys(names, 0.0)
    for prediction, golds in zip(predictions, references, strict=True):
        best = scorer.score_multi(list(golds), prediction)
        for name in names:
            totals[name] += best[name].fmeasure
    signature = f"|f:mean|nrefs:{_counts(references)}|tok:mecab-ipadic|rouge_score:{_version('rouge-score')}"
    return {name: Score(total / len(predictions), name + signature) for name, total in totals.items()}


def score(predictions: Sequence[str], references: References) -> dict[str, Score]:
    """Exact match, BLEU and ROUGE."""
    return {**exact_match(predictions, references), **bleu(predictions, references), **rouge(predictions, references)}


class _MecabTokenizer:
    """The interface that rouge_score wants."""

    def tokenize(self, text: str) -> list[str]:
        return mecab_tokens(text)


def _check(predictions: Sequence[str], references: References) -> None:
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions but {len(references)} references")
    if not predictions:
        raise ValueError("nothing to score")
    if not all(references):
        raise ValueError("a prediction has no reference")


def _counts(references: References) -> str:
    fewest, most = min(map(len, references)), max(map(len, references))
    return str(most) if fewest == most else "var"


def _version(package: str) -> str:
    import importlib.metadata

    return importlib.metadata.version(package)
