"""sacreBLEU's corpus BLEU and the ratio of lengths (Papineni et al. 2002; Post 2018), as Measures."""

from collections.abc import Sequence

import numpy as np

from toi.scoring.measures import SACREBLEU, Array, Measure, References, Tokens, check, counts, ratio_figure
from toi.scoring.overlap import ngrams, shared
from toi.scoring.segmentation import Segmentation

BLEU_ORDER = 4
# sacreBLEU's names of the segmentations that it has itself.
_SACREBLEU_NAMES = {"mecab": "ja-mecab-0.996-IPA", "char": "char"}


def bleu_measures(predictions: Sequence[str], references: References, cut: Segmentation) -> list[Measure]:
    """BLEU and the ratio of lengths, which is made of the same sums."""
    check(predictions, references)
    rows = np.array(
        [
            bleu_statistics(cut.tokens(prediction), [cut.tokens(gold) for gold in golds])
            for prediction, golds in zip(predictions, references, strict=True)
        ],
        dtype=np.float64,
    )
    tok = _SACREBLEU_NAMES.get(cut.name, cut.signature)
    n = counts(references)
    return [
        Measure("bleu", rows, bleu_figure, f"nrefs:{n}|case:mixed|eff:no|tok:{tok}|smooth:exp|version:{SACREBLEU}"),
        Measure("length_ratio", rows[:, :2], ratio_figure, f"nrefs:{n}|ref:closest|tok:{cut.signature}"),
    ]


def bleu_statistics(prediction: Tokens, golds: Sequence[Tokens]) -> list[int]:
    """Length, length of the closest reference, matching 1- to 4-grams, all 1- to 4-grams of the prediction.

    An n-gram matches as often as in the reference that has it most often. Of two references as close in length, the
    shorter counts.
    """
    length = len(prediction)
    closest = min((len(gold) for gold in golds), key=lambda size: (abs(size - length), size))
    matches, totals = [], []
    for n in range(1, BLEU_ORDER + 1):
        most = ngrams(golds[0], n)
        for gold in golds[1:]:
            most |= ngrams(gold, n)
        matches.append(shared(ngrams(prediction, n), most))
        totals.append(max(0, length - n + 1))
    return [length, closest, *matches, *totals]


def bleu_figure(sums: Array) -> Array:
    """sacreBLEU's BLEU from sums (..., 2 + 2 * BLEU_ORDER) of `bleu_statistics`.

    The first order without a match counts 1/2 of one, the next 1/4, and so on ("exp", NIST's smoothing). 0 where there is
    no match at all, or where no prediction is as long as an n-gram.
    """
    length, reference = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2 : 2 + BLEU_ORDER], sums[..., 2 + BLEU_ORDER :]
    without = matches == 0
    smoothed = np.where(without, 0.5 ** np.cumsum(without, axis=-1), matches)
    logs = np.log(100 * smoothed / np.maximum(totals, 1))
    brevity = np.where(length < reference, np.exp(1 - reference / np.maximum(length, 1)), 1.0)
    defined = matches.any(axis=-1) & (totals > 0).all(axis=-1)
    return np.where(defined, brevity * np.exp(logs.mean(axis=-1)), 0.0)
