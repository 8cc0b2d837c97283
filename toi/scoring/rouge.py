"""rouge_score's ROUGE-1, -2, -L and -Lsum (Lin 2004), as Measures."""

from collections.abc import Callable, Sequence

import numpy as np

from toi.scoring.measures import ROUGE_SCORE, Measure, References, Tokens, check, counts, f_measure, mean_measure
from toi.scoring.overlap import lcs_length, ngrams, shared, union_lcs_hits
from toi.scoring.segmentation import Segmentation


def rouge_measures(
    predictions: Sequence[str],
    references: References,
    cut: Segmentation,
    split: Callable[[str], Sequence[str]] | None = None,
) -> list[Measure]:
    """The measures of `rouge` (toi/scoring/metrics.py)."""
    check(predictions, references)
    sentences = split or (lambda text: text.split("\n"))
    rows = []
    for prediction, golds in zip(predictions, references, strict=True):
        ours = cut.tokens(prediction), [cut.tokens(s) for s in sentences(prediction) if s]
        by_reference = [rouge_of_pair(*ours, cut.tokens(gold), [cut.tokens(s) for s in sentences(gold) if s]) for gold in golds]
        rows.append([max(column) for column in zip(*by_reference, strict=True)])
    common = f"nrefs:{counts(references)}|refs:best|f:mean|tok:{cut.signature}|rouge_score:{ROUGE_SCORE}"
    columns = np.array(rows, dtype=np.float64)
    ends = f"|sent:{getattr(split, '__name__', 'own') if split else 'lines'}"
    names = ("rouge1", "rouge2", "rougeL", "rougeLsum")
    return [
        mean_measure(name, columns[:, i], common + (ends if name == "rougeLsum" else ""))
        for i, name in enumerate(names)
    ]  # fmt: skip


def rouge_of_pair(
    prediction: Tokens, prediction_sentences: Sequence[Tokens], gold: Tokens, gold_sentences: Sequence[Tokens]
) -> tuple[float, float, float, float]:
    """The F-measures of ROUGE-1, -2, -L and -Lsum of one prediction against one reference; 0 where one has no token."""
    figures = []
    for n in (1, 2):
        common = shared(ngrams(prediction, n), ngrams(gold, n))
        figures.append(f_measure(common / max(len(prediction) - n + 1, 1), common / max(len(gold) - n + 1, 1)))
    figures.append(_f_of_hits(lcs_length(prediction, gold), len(prediction), len(gold)))
    sizes = sum(map(len, prediction_sentences)), sum(map(len, gold_sentences))
    figures.append(_f_of_hits(union_lcs_hits(gold_sentences, prediction_sentences), *sizes) if all(sizes) else 0.0)
    return tuple(figures)  # type: ignore[return-value]  # four


def _f_of_hits(hits: int, ours: int, theirs: int) -> float:
    return f_measure(hits / ours, hits / theirs) if ours and theirs else 0.0
