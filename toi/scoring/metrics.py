"""Scores of predictions against references: pure functions `f(predictions, references) -> dict`.

Figures are in [0, 1], those of BLEU and chrF in [0, 100]. `references[i]` are all the right answers to prediction `i`, one at
least. Every score carries the signature that lets another person compute it again.

A metric is first a Measure: numbers of each row (n-gram matches, lengths, a row's own figure) that are summed over the rows,
and the figure that is made of the sums. So a figure of any choice of rows, a bootstrap resample say, costs a sum
(toi/scoring/resampling.py).
"""

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toi.scoring.overlap import lcs_length, ngrams, shared, union_lcs_hits
from toi.scoring.segmentation import Segmentation, segmentation
from toi.text.normalization import is_text

References = Sequence[Sequence[str]]
Array = NDArray[np.float64]
Tokens = Sequence[str]

BLEU_ORDER = 4
CHRF_ORDER = 6
_CHRF_BETA = 2
# What our figures equal to 1e-9 (tests/scoring/test_metrics.py): a new version of these is a reason to look again.
SACREBLEU, ROUGE_SCORE = "2.6.0", "0.1.2"
# sacreBLEU's names of the segmentations that it has itself.
_SACREBLEU_NAMES = {"mecab": "ja-mecab-0.996-IPA", "char": "char"}


@dataclass(frozen=True)
class Score:
    """A figure and the signature that lets another person compute it again.

    `low` and `high` are the ends of its 95% interval, where one was computed (toi/scoring/resampling.py).
    """

    value: float
    signature: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Measure:
    """What is summed over the rows, `rows` (rows, k), and `figure`: sums (..., k) -> figures (...)."""

    name: str
    rows: Array
    figure: Callable[[Array], Array]
    signature: str

    @property
    def value(self) -> float:
        """The figure of all rows together."""
        return float(self.figure(self.rows.sum(axis=0)))

    @property
    def of_rows(self) -> Array:
        """The figure of each row by itself, (rows,)."""
        return self.figure(self.rows)

    @property
    def score(self) -> Score:
        """The figure of all rows together, with its signature."""
        return Score(self.value, self.signature)


def scores(measures: Sequence[Measure]) -> dict[str, Score]:
    """The scores of measures, by name."""
    return {measure.name: measure.score for measure in measures}


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


def f_measure(precision: float, recall: float) -> float:
    """The harmonic mean; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


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
        Measure("length_ratio", rows[:, :2], _ratio, f"nrefs:{n}|ref:closest|tok:{cut.signature}"),
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


def chrf_measures(predictions: Sequence[str], references: References) -> list[Measure]:
    """See `chrf`."""
    check(predictions, references)
    rows = []
    for prediction, golds in zip(predictions, references, strict=True):
        ours = _character_ngrams(prediction)
        found = np.array([_chrf_statistics(ours, _character_ngrams(gold)) for gold in golds], dtype=np.float64)
        rows.append(found[int(np.argmax(chrf_figure(found)))])  # the first of the best references
    signature = f"nrefs:{counts(references)}|case:mixed|eff:yes|nc:{CHRF_ORDER}|nw:0|space:no|version:{SACREBLEU}"
    return [Measure("chrf", np.array(rows), chrf_figure, signature)]


def _character_ngrams(text: str) -> list:
    characters = "".join(text.split())
    return [ngrams(characters, n) for n in range(1, CHRF_ORDER + 1)]


def _chrf_statistics(ours: list, theirs: list) -> list[int]:
    found = []
    for mine, other in zip(ours, theirs, strict=True):
        # n-grams of an order that the reference is too short for do not count against the prediction.
        found += [mine.total() if other else 0, other.total(), shared(mine, other)]
    return found


def chrf_figure(sums: Array) -> Array:
    """chrF2 from sums (..., 3 * CHRF_ORDER): n-grams of the prediction, of the reference, shared, for each order.

    Precisions and recalls are averaged over the orders that both sides have.
    """
    by_order = sums.reshape(*sums.shape[:-1], CHRF_ORDER, 3)
    ours, theirs, both = by_order[..., 0], by_order[..., 1], by_order[..., 2]
    counted = (ours > 0) & (theirs > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    precision = np.where(counted, both / np.maximum(ours, 1), 0.0).sum(axis=-1) / orders
    recall = np.where(counted, both / np.maximum(theirs, 1), 0.0).sum(axis=-1) / orders
    factor = _CHRF_BETA**2
    divisor = factor * precision + recall
    return np.where(divisor > 0, 100 * (1 + factor) * precision * recall / np.where(divisor > 0, divisor, 1), 0.0)


def rouge_measures(
    predictions: Sequence[str],
    references: References,
    cut: Segmentation,
    split: Callable[[str], Sequence[str]] | None = None,
) -> list[Measure]:
    """See `rouge`."""
    check(predictions, references)
    sentences = split or (lambda text: text.split("\n"))
    rows = []
    for prediction, golds in zip(predictions, references, strict=True):
        ours = cut.tokens(prediction), [cut.tokens(s) for s in sentences(prediction) if s]
        found = [rouge_of_pair(*ours, cut.tokens(gold), [cut.tokens(s) for s in sentences(gold) if s]) for gold in golds]
        rows.append([max(column) for column in zip(*found, strict=True)])
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
    found = []
    for n in (1, 2):
        common = shared(ngrams(prediction, n), ngrams(gold, n))
        found.append(f_measure(common / max(len(prediction) - n + 1, 1), common / max(len(gold) - n + 1, 1)))
    found.append(_f_of_hits(lcs_length(prediction, gold), len(prediction), len(gold)))
    sizes = sum(map(len, prediction_sentences)), sum(map(len, gold_sentences))
    found.append(_f_of_hits(union_lcs_hits(gold_sentences, prediction_sentences), *sizes) if all(sizes) else 0.0)
    return tuple(found)  # type: ignore[return-value]  # four


def _f_of_hits(hits: int, ours: int, theirs: int) -> float:
    return f_measure(hits / ours, hits / theirs) if ours and theirs else 0.0


def distinct_measures(predictions: Sequence[str], cut: Segmentation) -> list[Measure]:
    """See `distinct`.

    The share of different n-grams is no sum over rows, and a resample, which holds rows twice, always has a lower one. So
    each row has the figure of all rows plus its jackknife influence on it (Efron & Stein 1981): their mean is the figure,
    and their spread is its sampling error.
    """
    check_texts(predictions, "prediction")
    if not predictions:
        raise ValueError("nothing to score")
    found = []
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
        found.append(mean_measure(f"distinct{n}", whole + influence, f"tok:{cut.signature}|interval:jackknife"))
    return found


def mean_measure(name: str, rows: Sequence[float] | Array, signature: str) -> Measure:
    """The mean of a figure of each row."""
    return ratio_measure(name, rows, np.ones(len(rows)), signature)


def ratio_measure(name: str, above: Sequence[float] | Array, below: Sequence[float] | Array, signature: str) -> Measure:
    """The ratio of two sums over the rows; 0 where the lower one is 0."""
    return Measure(name, np.column_stack([np.asarray(above, np.float64), np.asarray(below, np.float64)]), _ratio, signature)


def _ratio(sums: Array) -> Array:
    return np.where(sums[..., 1] != 0, sums[..., 0] / np.where(sums[..., 1] != 0, sums[..., 1], 1), 0.0)


def check(predictions: Sequence[str], references: References) -> None:
    """Raise ValueError for what cannot be scored: other numbers of rows, no row, a row without a reference, a lone surrogate."""
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions but {len(references)} references")
    if not predictions:
        raise ValueError("nothing to score")
    for i, golds in enumerate(references):
        if isinstance(golds, str):
            raise ValueError(f"reference {i} is a text; expected a list of texts")
        if not golds:
            raise ValueError(f"prediction {i} has no reference")
        check_texts(golds, f"reference {i}, answer")
    check_texts(predictions, "prediction")


def check_texts(texts: Sequence[str], what: str) -> None:
    """Raise ValueError if a text holds half of a surrogate pair: it is no Unicode text, and no tokenizer takes it."""
    for i, text in enumerate(texts):
        if not is_text(text):
            raise ValueError(f"{what} {i} holds an unpaired surrogate")


def counts(references: References) -> str:
    """sacreBLEU's `nrefs`: the number of references of a row, or `var`."""
    fewest, most = min(map(len, references)), max(map(len, references))
    return str(most) if fewest == most else "var"


def installed(package: str) -> str:
    """The version of an installed package."""
    return importlib.metadata.version(package)
