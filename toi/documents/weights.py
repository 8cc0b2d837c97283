"""How likely it is that somebody asks for a span: log-odds, by what it is and what stands around it.

Fitted by logistic regression on what the annotators of JaQuAD's training files asked for (16 of its 30 files, 5,285 contexts;
`benchmarks/documents.py --fit`), and rounded. Only these numbers come from there.
"""

import unicodedata

BASE = -2.93


def _by_length(*weights: float) -> dict[str, float]:
    return {str(length): weight for length, weight in enumerate(weights, start=1)}


# What rule took it; by kind and length in characters, 12 for all longer ones; how often it stands in the passage, 4 for more; in
# which fifth of the passage; not in and in brackets; what stands behind and before it ("" for anything else).
WEIGHTS: dict[str, dict[str, float]] = {
    "rule": {
        "century": 0.08,
        "day": 0.95,
        "decade": 0.37,
        "month": 0.62,
        "time of day": 0.54,
        "year": 0.29,
        "Latin letters": 0.12,
        "a name": 0.13,
        "a name and a suffix, in a longer word": -0.18,
        "a name of a person": 0.57,
        "a name of a person and a suffix, in a longer word": -0.88,
        "a name of a person, in a longer word": 0.61,
        "a name of a place": 0.13,
        "a name of a place and a suffix, in a longer word": 0.18,
        "a name of a place, in a longer word": -0.13,
        "a name of an organization": 0.2,
        "a name of an organization and a suffix, in a longer word": -0.34,
        "a name of an organization, in a longer word": -0.57,
        "a name, in a longer word": -0.25,
        "katakana": 0.34,
        "katakana and a suffix, in a longer word": 0.51,
        "katakana, in a longer word": -0.06,
        "a number": -0.96,
        "a number and its counter": 0.72,
        "two nouns with の": -1.87,
        "what a sentence begins with": -0.5,
        "a compound noun": -0.28,
        "a compound with a number": -0.1,
        "a noun": -0.54,
        "a noun of an action": -1.81,
        "quoted with “”": 0.41,
        "quoted with 〈〉": -0.26,
        "quoted with 《》": -0.08,
        "quoted with 「」": 0.49,
        "quoted with 『』": 1.09,
    },
    "date": _by_length(0.0, 0.01, 0.15, 0.66, 1.06, 0.57, 0.87, 0.82, 1.01, 0.94, 0.0, -3.24),
    "name": _by_length(-1.84, -0.77, -0.14, 0.11, 0.08, 0.14, 0.2, 0.33, 0.46, 0.65, 0.66, 0.5),
    "number": _by_length(-1.93, -0.99, -0.44, -0.02, 0.29, 0.28, 0.45, 0.66, 0.13, 0.52, 0.2, 0.64),
    "phrase": _by_length(0.0, 0.0, 0.12, -0.68, -0.39, -0.26, -0.27, -0.16, -0.1, -0.02, 0.23, -0.34),
    "term": _by_length(-1.58, -1.21, -0.76, -0.49, -0.05, 0.01, 0.17, 0.39, 0.15, 0.3, 0.29, 0.05),
    "title": _by_length(0.0, 0.0, 0.19, 0.11, 0.25, 0.39, 0.13, 0.16, 0.19, 0.38, 0.26, -0.4),
    "times": {"1": -0.4, "2": 0.04, "3": 0.14, "4": 0.25},
    "fifth": {"0": 0.22, "1": 0.08, "2": -0.04, "3": -0.08, "4": -0.13},
    "bracketed": {"False": 0.55, "True": -0.52},
    "behind": {
        "(": 0.42,
        ")": -0.02,
        "": -0.86,
        "、": 0.11,
        "。": 0.47,
        "」": -0.13,
        "』": -1.65,
        "が": 0.6,
        "で": 0.43,
        "と": 0.25,
        "に": 0.24,
        "の": 0.01,
        "は": 0.42,
        "へ": 0.32,
        "も": 0.22,
        "や": -0.26,
        "を": 0.26,
        "・": -0.8,
    },
    "two behind": {
        "": -0.34,
        "から": 0.43,
        "であ": -0.1,
        "です": -0.07,
        "では": -0.36,
        "とい": 0.24,
        "とし": -0.82,
        "とも": 0.45,
        "と呼": 0.67,
        "など": 0.49,
        "には": -0.47,
        "によ": 0.15,
        "に対": -0.5,
        "まで": 0.26,
    },
    "before": {
        "(": 0.59,
        ")": -0.97,
        "start": 0.41,
        "": 0.02,
        "、": 0.14,
        "。": 0.19,
        "「": -0.63,
        "『": -1.75,
        "が": 0.12,
        "で": 0.23,
        "と": 0.31,
        "に": 0.36,
        "の": -0.16,
        "は": 0.54,
        "へ": 0.22,
        "も": 0.32,
        "や": -0.26,
        "を": 0.23,
        "・": 0.13,
    },
}


def features(text: str, start: int, end: int, kind: str, why: str, times: int) -> list[tuple[str, str]]:
    """What of a span is weighed: a table of WEIGHTS and the entry of it, `times` being how often the span stands in the text."""
    behind = unicodedata.normalize("NFKC", text[end : end + 2])
    before = unicodedata.normalize("NFKC", text[max(0, start - 1) : start])[-1:] or "start"
    opened = max(text.rfind(c, 0, start) for c in "(（")
    closed = max(text.rfind(c, 0, start) for c in ")）")
    return [
        ("rule", why),
        (kind, str(min(end - start, 12))),
        ("times", str(min(max(times, 1), 4))),
        ("fifth", str(min(5 * start // len(text), 4))),
        ("bracketed", str(opened > closed)),
        ("behind", _known("behind", behind[:1])),
        ("two behind", _known("two behind", behind)),
        ("before", _known("before", before)),
    ]


def _known(table: str, key: str) -> str:
    return key if key in WEIGHTS[table] else ""


def log_odds(text: str, start: int, end: int, kind: str, why: str, times: int) -> float:
    """The weight of a span."""
    weighed = features(text, start, end, kind, why, times)
    return BASE + sum(WEIGHTS[table].get(key, 0.0) for table, key in weighed)
