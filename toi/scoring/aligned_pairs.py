"""Questions with their answers against those of a data set, paragraph by paragraph: QAAlignedF1, and which answers were asked for.

As lmqg has it (Ushio et al. 2023, "An Empirical Comparison of LM-based Question and Answer Generation Methods"): each of our pairs
counts as much as it is like the most similar gold pair of its paragraph (precision), each gold pair as much as it is like the most
similar of ours (recall), both are the means of a paragraph, and F1 is made of the two. A pair is the text
`question: ..., answer: ...`. In place of a neural metric stand chrF and the F1 of characters, which anybody can compute again;
BERTScore where it is installed.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from toi.data.examples import Example
from toi.data.squad import read_squad
from toi.scoring.chrf import chrf_measures
from toi.scoring.measures import Measure, f_measure, mean_measure, ratio_measure
from toi.scoring.metrics import bag_f1
from toi.scoring.profiles import jglue_normalize
from toi.system.errors import InputError, first_line
from toi.system.files import read_lines
from toi.system.optional import require
from toi.text.normalization import normalize

Similarity = Callable[[Sequence[str], Sequence[str]], list[float]]  # of texts, one by one, 0 to 1


class AskedPair(NamedTuple):
    """A question and its answer, about a text."""

    context: str
    question: str
    answer: str

    @property
    def text(self) -> str:
        """The pair as it is compared."""
        return f"question: {normalize(self.question)}, answer: {normalize(self.answer)}"


class Aligned(NamedTuple):
    """The pairs of each gold paragraph, ours and theirs, and how many of ours belong to none."""

    ours: list[list[AskedPair]]
    gold: list[list[AskedPair]]
    lost: int


def read_pairs(path: str | Path) -> list[AskedPair]:
    """The pairs of a SQuAD-format file, or of the `pairs.jsonl` of generate.py --document. Raises InputError with the place."""
    if Path(path).suffix.lower() != ".jsonl":
        return pairs_of(read_squad(path))
    found = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            value = json.loads(line)
            found.append(AskedPair(*(_text(value[name]) for name in AskedPair._fields)))
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path}:{number}: not a pair; expected a line of JSON with context, question and answer") from None
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def pairs_of(examples: Iterable[Example]) -> list[AskedPair]:
    """The pairs of Examples, each with its first answer; those without one are left out."""
    return [AskedPair(e.context, e.question, e.answers[0].text) for e in examples if e.answers]


def align(ours: Sequence[AskedPair], gold: Sequence[AskedPair]) -> Aligned:
    """Our pairs at the gold paragraph that their context is, or is a part of, after normalization."""
    of_gold: dict[str, list[AskedPair]] = {}
    for pair in gold:
        of_gold.setdefault(_bare(pair.context), []).append(pair)
    of_ours: dict[str, list[AskedPair]] = {context: [] for context in of_gold}
    places: dict[str, str | None] = {}
    lost = 0
    for pair in ours:
        key = _bare(pair.context)
        if key not in places:
            places[key] = key if key in of_gold else next((context for context in of_gold if key in context), None)
        place = places[key]
        if place is None:
            lost += 1
        else:
            of_ours[place].append(pair)
    return Aligned(list(of_ours.values()), list(of_gold.values()), lost)


def _bare(context: str) -> str:
    """A context without spaces and line breaks, which passages may have elsewhere."""
    return "".join(normalize(context).split())


def by_chrf(ours: Sequence[str], theirs: Sequence[str]) -> list[float]:
    """chrF2 of each text with the other, 0 to 1."""
    return [float(figure) / 100 for figure in chrf_measures(ours, [[other] for other in theirs])[0].of_rows]


def by_characters(ours: Sequence[str], theirs: Sequence[str]) -> list[float]:
    """The F1 of the characters of each text with the other."""
    return [bag_f1(list(one), list(other)) for one, other in zip(ours, theirs, strict=True)]


def by_bertscore(model: str) -> Similarity:
    """BERTScore's F1 with a model of that library. Raises InputError if bert_score is not installed, or has no such model."""
    require("--bertscore_model", "bert_score", "bert-score (pip install bert-score)")

    def similarity(ours: Sequence[str], theirs: Sequence[str]) -> list[float]:
        from bert_score import score

        try:
            return score(list(ours), list(theirs), model_type=model, lang="ja")[2].tolist()
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"--bertscore_model {model}: {first_line(error)}") from error

    return similarity


def aligned_measures(aligned: Aligned, similarities: Mapping[str, tuple[Similarity, str]]) -> list[Measure]:
    """QAAlignedF1 with its precision and recall for each similarity (with its signature), and the share of gold answers asked for.

    A paragraph is a row; one without a pair of ours has 0 everywhere. Raises ValueError if there is no gold pair.
    """
    if not aligned.gold:
        raise ValueError("no gold pair to score against")
    measures = []
    for name, (similarity, signature) in similarities.items():
        figures = [_figures(ours, gold, similarity) for ours, gold in zip(aligned.ours, aligned.gold, strict=True)]
        for part, values in zip(("f1", "precision", "recall"), zip(*figures, strict=True), strict=True):
            measures.append(mean_measure(f"qa_aligned_{part}_{name}", values, f"paragraphs|pairs:q+a|{signature}"))
    found = [_covered(ours, gold) for ours, gold in zip(aligned.ours, aligned.gold, strict=True)]
    gold_counts = [len(gold) for gold in aligned.gold]
    return [*measures, ratio_measure("answer_coverage", found, gold_counts, "answers|match:string after jglue's normalization")]


def _figures(ours: Sequence[AskedPair], gold: Sequence[AskedPair], similarity: Similarity) -> tuple[float, float, float]:
    """F1, precision and recall of a paragraph."""
    if not ours:
        return 0.0, 0.0, 0.0
    left = [one.text for one in ours for _ in gold]
    flat = similarity(left, [other.text for _ in ours for other in gold])
    rows = [flat[at : at + len(gold)] for at in range(0, len(flat), len(gold))]  # (ours, gold)
    precision = sum(max(row) for row in rows) / len(rows)
    recall = sum(max(column) for column in zip(*rows, strict=True)) / len(gold)
    return f_measure(precision, recall), precision, recall


def _covered(ours: Sequence[AskedPair], gold: Sequence[AskedPair]) -> int:
    """How many gold answers are answers of ours."""
    asked = {jglue_normalize(normalize(one.answer)) for one in ours}
    return sum(jglue_normalize(normalize(one.answer)) in asked for one in gold)
