"""The conventions of published tables, so that one file of predictions can be held against each of them.

    toi      exact match, character F1, sacreBLEU, chrF, ROUGE, distinct-n, length ratio
    jglue    JSQuAD in JGLUE: EM and character F1 of its patch of `squad_metrics.py`
    sonoisa  JSQuAD in sonoisa/t5-japanese: the English SQuAD metric over SentencePiece pieces
    lmqg     lm-question-generation: its normalization of hypotheses, COCO's BLEU and ROUGE-L, over Sudachi (mode A)

What each does was read in its own source; docs/evaluation.md says where, and which table it belongs to.
"""

import re
import string
from collections.abc import Callable, Sequence

import numpy as np

from toi.scoring.bleu import BLEU_ORDER, bleu_statistics
from toi.scoring.measures import Array, Measure, References, check, counts, mean_measure
from toi.scoring.metrics import bag_f1, measures
from toi.scoring.options import PIECES
from toi.scoring.overlap import lcs_length
from toi.scoring.segmentation import Segmentation, decoded_pieces, segmentation
from toi.text.occurrences import sentences

PROFILES = ("toi", "jglue", "sonoisa", "lmqg")
# The metric whose figure of a single row says most about it.
ROW_METRIC = {"toi": "rougeL", "jglue": "f1", "sonoisa": "f1", "lmqg": "rougeL"}
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_COCO_BETA = 1.2


def profile_measures(
    profile: str, predictions: Sequence[str], references: References, tokenizer: str = "mecab", pieces: str | None = None
) -> list[Measure]:
    """The measures of a profile. `tokenizer` is for `toi`; `pieces`, the folder of a T5 tokenizer, for `sonoisa`.

    Raises InputError where a tokenizer is missing, ValueError for what cannot be scored.
    """
    match profile:
        case "toi":
            return measures(predictions, references, segmentation(tokenizer), japanese_sentences)
        case "jglue":
            return jglue_measures(predictions, references)
        case "sonoisa":
            if pieces is None:
                raise ValueError(f"the profile sonoisa needs {PIECES}")
            return sonoisa_measures(predictions, references, decoded_pieces(pieces))
        case "lmqg":
            return lmqg_measures(predictions, references, segmentation("sudachi-a"))
    raise ValueError(f"unknown profile {profile!r}; profiles are {', '.join(PROFILES)}")


def japanese_sentences(text: str) -> list[str]:
    """The sentences of a text for ROUGE-Lsum: behind 。！？ and line breaks (toi/text/occurrences.py)."""
    return [text[start:end] for start, end in sentences(text)]


def jglue_measures(predictions: Sequence[str], references: References) -> list[Measure]:
    """JGLUE's EM and F1 over characters, the best gold answer counts."""
    return _squad_measures(predictions, references, jglue_normalize, list, "jglue-1.1.0|tok:char")


def jglue_normalize(text: str) -> str:
    """Lower case, the 。at the end taken off, white space squeezed. Punctuation stays."""
    return " ".join(text.lower().rstrip("。").split())


def sonoisa_measures(predictions: Sequence[str], references: References, pieces: Segmentation) -> list[Measure]:
    """The English SQuAD 2.0 metric over SentencePiece pieces: EM and F1 of the pieces with a space between them."""

    def normalize(text: str) -> str:
        return squad_normalize(" ".join(pieces.tokens(text)))

    return _squad_measures(predictions, references, normalize, str.split, f"squad-2.0|tok:{pieces.signature}")


def squad_normalize(text: str) -> str:
    """SQuAD's: lower case, ASCII punctuation and English articles taken out, white space squeezed."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _squad_measures(
    predictions: Sequence[str],
    references: References,
    normalize: Callable[[str], str],
    cut: Callable[[str], list[str]],
    signature: str,
) -> list[Measure]:
    """EM and F1 as SQuAD 2.0's script has them, and with it transformers' `squad_metrics.py`, which JGLUE and sonoisa used.

    Golds that are empty after normalization are left out; where none is left, the right answer is an empty one.
    """
    check(predictions, references)
    exact, overlap = [], []
    for prediction, golds in zip(predictions, references, strict=True):
        ours = normalize(prediction)
        theirs = [text for gold in golds if (text := normalize(gold))] or [""]
        exact.append(float(ours in theirs))
        overlap.append(max(bag_f1(cut(ours), cut(gold)) for gold in theirs))
    common = f"nrefs:{counts(references)}|refs:best|norm:{signature}"
    return [mean_measure("exact_match", exact, common), mean_measure("f1", overlap, common)]


def lmqg_measures(predictions: Sequence[str], references: References, cut: Segmentation) -> list[Measure]:
    """lmqg's BLEU-1 to -4 (as COCO computes them) and ROUGE-L (beta 1.2), in [0, 100] and [0, 1].

    lmqg cuts by spaCy's ja_core_news_sm, whose tokenizer is SudachiPy in mode A; then it normalizes the hypothesis only.
    """
    check(predictions, references)
    bleu_rows, rouge_rows = [], []
    for prediction, golds in zip(predictions, references, strict=True):
        ours = lmqg_normalize(" ".join(cut.tokens(prediction)))
        theirs = [list(cut.tokens(gold)) for gold in golds]
        bleu_rows.append(bleu_statistics(ours.split(), theirs))
        rouge_rows.append(_coco_rouge(ours.split(" "), [gold or [""] for gold in theirs]))
    common = f"nrefs:{counts(references)}|case:hyp-lower|tok:{cut.signature}"
    rows = np.array(bleu_rows, dtype=np.float64)
    bleus = [
        Measure(f"bleu{n}", rows, _coco_bleu(n), f"coco|ref:closest|smooth:none|order:{n}|{common}")
        for n in range(1, BLEU_ORDER + 1)
    ]
    return [*bleus, mean_measure("rougeL", rouge_rows, f"coco|beta:{_COCO_BETA}|{common}")]


# lmqg prepares hypotheses, of all languages, as the English gold questions of its first data set were prepared: lower
# case, named brackets, a space before some marks, ``quotes'', a space before a full stop or hyphen with more behind it.
_LMQG_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_LMQG_RULES = [
    *((re.compile(r"\s*" + re.escape(mark)), " " + mark) for mark in ("'s", "?", ",", "'", "$", "%")),
    (re.compile(r'"([^"]+)"'), r"`` \1 ''"),
    *((re.compile(rf"\s*([{mark}].{{2}})"), r" \1") for mark in (".", "-")),
]


def lmqg_normalize(text: str) -> str:
    """What lmqg does to a tokenized hypothesis before it compares it."""
    text = text.lower()
    for bracket, name in _LMQG_BRACKETS.items():
        text = text.replace(bracket, name)
    for pattern, replacement in _LMQG_RULES:
        text = pattern.sub(replacement, text)
    return text


def _coco_bleu(order: int) -> Callable[[Array], Array]:
    """COCO's BLEU of an order from the sums of `bleu_statistics`: unsmoothed, but for what keeps it from dividing by 0."""

    def figure(sums: Array) -> Array:
        matches, totals = sums[..., 2 : 2 + order], sums[..., 2 + BLEU_ORDER : 2 + BLEU_ORDER + order]
        product = np.prod((matches + 1e-15) / (totals + 1e-9), axis=-1)
        ratio = (sums[..., 0] + 1e-15) / (sums[..., 1] + 1e-9)
        brevity = np.exp(np.minimum(0.0, 1 - 1 / ratio))
        return 100 * product ** (1 / order) * brevity

    return figure


def _coco_rouge(ours: Sequence[str], golds: Sequence[Sequence[str]]) -> float:
    """COCO's ROUGE-L: the best precision and the best recall, each over all references."""
    hits = [lcs_length(ours, gold) for gold in golds]
    precision = max(hit / len(ours) for hit in hits)
    recall = max(hit / len(gold) for hit, gold in zip(hits, golds, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + _COCO_BETA**2) * precision * recall / (recall + _COCO_BETA**2 * precision)
