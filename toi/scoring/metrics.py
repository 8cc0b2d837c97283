"""Scores of predictions against references: pure functions `f(predictions, references) -> dict`.

Figures are in [0, 1], those of BLEU and chrF in [0, 100]. `references[i]` are all the right answers to prediction `i`, one at
least. Every score carries the signature that lets another person compute it again.

A metric is first a Measure (toi/scoring/measures.py); `measures` gives those of all metrics.
"""

from collections.abc import Callable, Sequence

import numpy as np

from toi.scoring.bleu import bleu_measures
from toi.scoring.chrf import chrf_measures
from toi.scoring.measures import Measure, References, Score, Tokens, check, check_texts, counts, f_measure, mean_measure, scores
from toi.scoring.overlap import ngrams, shared
from toi.scoring.rouge import rouge_measures
from toi.scoring.segmentation import Segmentation, segmentation


def exact_match(predictions: Sequence[str], references: References) -> dict[str, Score]:
    """The share of predictions that equal one of their references, character by character."""
    return scores(exact_match_measures(predictions, references))


def f1(predictions: Sequence[str], references: References, tokenizer: str = "char") -> dict[str, Score]:
    """The F1 of the bags of tokens (characters), best reference, mean over rows: SQuAD's, without its normalization."""
    return scores(f1_measures(predictions, references, segmentation(tokenizer)))


def bleu(predictions: Sequence[str], references: References, tokenizer: str = "mecab") -> dict[str, Score]:
    """sacreBLEU's corpus BLEU (exponential smoothing), in [0, 100] (Papineni et al. 2002; Post 2018)."""
    return scores(bleu_measures(predictions, references, segmentation(tokenizer))[:1])


def length_ratio(predictions: Sequence[str], references: References, tokenizer: str = "mecab") -> dict[str, Score]:
    """Tokens of the predictions / tokens of the references (of several, the one closest in length)."""
    return scores(bleu_measures(predictions, references, segmentation(tokenizer))[1:])


def chrf(predictions: Sequence[str], references: References) -> dict[str, Score]:
    """sacreBLEU's chrF2 of character 1- to 6-grams without whitespace, in [0, 100] (Popović 2015)."""
    return scores(chrf_measures(predictions, references))


def rouge(
    predictions: Sequence[str],
    references: References,
    tokenizer: str = "mecab",
    split: Callable[[str], Sequence[str]] | None = None,
) -> dict[str, Score]:
    """ROUGE-1, -2, -L and -Lsum (F-measure, mean over rows, best reference) (Lin 2004).

    `split` cuts a text into the sentences of Lsum; without it a line is a sentence, as in `rouge_score`.
    """
    return scores(rouge_measures(predictions, references, segmentation(tokenizer), split))


def distinct(predictions: Sequence[str], references: References | None = None, tokenizer: str = "mecab") -> dict[str, Score]:
    """Different 1-grams (2-grams) of all predictions / their number (Li et al. 2016). References are not looked at."""
    return scores(distinct_measures(predictions, segmentation(tokenizer)))


def score(predictions: Sequence[str], references: References, tokenizer: str = "mecab") -> dict[str, Score]:
    """All of the above."""
    return scores(measures(predictions, references, segmentation(tokenizer)))


def measures(
    predictions: Sequence[str],
    references: References,
    cut: Segmentation,
    split: Callable[[str], Sequence[str]] | None = None,
) -> list[Measure]:
    """The measures of `score`."""
    bleu_measure, ratio = bleu_measures(predictions, references, cut)
    return [
        *exact_match_measures(predictions, references),
        bleu_measure,
        *chrf_measures(predictions, references),
        *rouge_measures(predictions, references, cut, split),
        *f1_measures(predictions, references, segmentation("char")),
        *distinct_measures(predictions, cut),
        ratio,
    ]


def exact_match_measures(predictions: Sequence[str], references: References) -> list[Measure]:
    """See `exact_match`."""
    check(predictions, references)
    hits = [float(prediction in golds) for prediction, golds in zip(predictions, references, strict=True)]
    return [mean_measure("exact_match", hits, f"nrefs:{counts(references)}|match:string")]


def f1_measures(predictions: Sequence[str], references: References, cut: Segmentation) -> list[Measure]:
    """See `f1`."""
    check(predictions, references)
    rows = [
        max(bag_f1(cut.tokens(prediction), cut.tokens(gold)) for gold in golds)
        for prediction, golds in zip(predictions, references, strict=True)
    ]
    return [mean_measure("f1", rows, f"nrefs:{counts(references)}|refs:best|f:mean|tok:{cut.signature}")]


def bag_f1(prediction: Tokens, gold: Tokens) -> float:
    """The F1 of two bags of tokens; where one is empty, whether both are (SQuAD 2.0)."""
    if not prediction or not gold:
        return float(not prediction and not gold)
    common = shared(ngrams(prediction, 1), ngrams(gold, 1))
    return f_measure(common / len(prediction), common / len(gold))


def distinct_measures(predictions: Sequence[str], cut: Segmentation) -> list[Measure]:
    """See `distinct`.

    The share of different n-grams is no sum over rows, and a resample, which holds rows twice, always has a lower one. So
    each row has the figure of all rows plus its jackknife influence on it (Efron & Stein 1981): their mean is the figure,
    and their spread is its sampling error.
    """
    check_texts(predictions, "prediction")
    if not predictions:
        raise ValueError("nothing to score")
    both = []
    for n in (1, 2):
        rows = [ngrams(cut.tokens(prediction), n) for prediction in predictions]
        sizes = np.array([row.total() for row in rows], dtype=np.float64)
        owners: dict = {}  # n-gram -> how many rows have it
        for row in rows:
            for item in row:
                owners[item] = owners.get(item, 0) + 1
        alone = np.array([sum(owners[item] == 1 for item in row) for row in rows], dtype=np.float64)
        different, total = len(owners), sizes.sum()
        whole = different / total if total else 0.0
        without = (different - alone) / np.maximum(total - sizes, 1)  # (rows,), the figure without each row
        influence = (len(rows) - 1) * (without.mean() - without)
        both.append(mean_measure(f"distinct{n}", whole + influence, f"tok:{cut.signature}|interval:jackknife"))
    return both
