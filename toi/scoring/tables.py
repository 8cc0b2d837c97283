"""Scores and differences as text."""

import re
from collections.abc import Mapping, Sequence

from toi.data.tsv import escape
from toi.scoring.chosen import confusion
from toi.scoring.comparison import Comparison
from toi.scoring.measures import Score
from toi.scoring.scored import Scored


def table(scores: Mapping[str, Mapping[str, Score]], counts: Mapping[str, int]) -> str:
    """A table of scores with their 95% intervals, one line per metric and one column per split, and the signatures under it.

    The number before a figure is that of its signature.
    """
    columns = list(scores)
    names = list(dict.fromkeys(name for by_name in scores.values() for name in by_name))
    shown = [cell(name, score) for by_name in scores.values() for name, score in by_name.items()]
    width = max(27, *(len(text) + 2 for text in (*columns, *shown)))
    lines = [f"{'':25}" + "".join(f"{column:<{width}}" for column in columns)]
    lines.append(f"{'rows':25}" + "".join(f"{counts[column]:<{width},}" for column in columns))
    signatures: dict[str, int] = {}
    for name in names:
        cells, numbers = [], []
        for column in columns:
            score = scores[column].get(name)
            if score is not None:
                numbers.append(signatures.setdefault(score.signature, len(signatures) + 1))
            cells.append(f"{cell(name, score) if score else '':<{width}}")
        lines.append(f"{name:19}{_span(numbers):>5} " + "".join(cells))
    lines += [f"{_span(numbers):>5} {signature}" for signature, numbers in _gathered(signatures).items()]
    return "\n".join(line.rstrip() for line in lines)


def _gathered(signatures: Mapping[str, int]) -> dict[str, list[int]]:
    """Signatures that differ in the tokenizer alone as one, which names all: `tok:{mecab-ipadic, char}`."""
    groups: dict[str, dict[str, int]] = {}
    for signature, number in signatures.items():
        groups.setdefault(re.sub(r"tok:[^|]*", "tok:*", signature), {})[signature] = number
    gathered: dict[str, list[int]] = {}
    for pattern, group in groups.items():
        numbers = list(group.values())
        if len(group) == 1 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            gathered.update({signature: [number] for signature, number in group.items()})
            continue
        names = ", ".join(re.findall(r"tok:([^|]*)", "|".join(group)))
        gathered[pattern.replace("tok:*", f"tok:{{{names}}}")] = numbers
    return gathered


def tokenizer_table(scored: Scored) -> str:
    """The scores that depend on the tokenizer, one column for each."""
    return table(depending(scored.by_tokenizer), dict.fromkeys(scored.by_tokenizer, len(scored.predictions)))


def depending(by_tokenizer: Mapping[str, Mapping[str, Score]]) -> dict[str, dict[str, Score]]:
    """The scores whose signature names the tokenizer: it is not the same for all."""
    columns = list(by_tokenizer.values())
    names = [name for name in columns[0] if len({column[name].signature for column in columns}) > 1]
    return {tokenizer: {name: scores[name] for name in names} for tokenizer, scores in by_tokenizer.items()}


def _span(numbers: Sequence[int]) -> str:
    """`3`, or `3-6` for several."""
    return str(numbers[0]) if len(set(numbers)) == 1 else f"{min(numbers)}-{max(numbers)}"


def in_hundreds(name: str) -> bool:
    """Whether a metric is in [0, 100], as those of sacreBLEU and COCO's BLEU are, and not in [0, 1]."""
    return name.startswith(("bleu", "chrf"))


def digits_of(name: str) -> int:
    """How many decimals of a metric are shown."""
    return 2 if in_hundreds(name) else 3 if is_perplexity(name) else 4


def is_perplexity(name: str) -> bool:
    """Whether a metric is a perplexity: at least 1, and without a most. Lower is better."""
    return name.endswith("perplexity")


def cell(name: str, score: Score) -> str:
    """A figure and its interval: `0.7713 [0.7421, 0.7981]`."""
    digits = digits_of(name)
    interval = "" if score.low is None else f" [{score.low:.{digits}f}, {score.high:.{digits}f}]"
    return f"{score.value:.{digits}f}{interval}"


def choice_tables(scored: Scored) -> str:
    """Which choice was made for which, and the figures by the lengths and the models of answers."""
    found = confusion(scored.predictions)
    width = max(10, *(len(name) + 4 for name in found))
    lines = [f"{'right, chosen':25}" + "".join(f"{name:>{width}}" for name in found)]
    lines += [f"{right:25}" + "".join(f"{n:>{width},}" for n in chosen.values()) for right, chosen in found.items()]
    names = ("rows", "accuracy", "log_loss", "ece")
    for kind, of_kind in scored.by_group().items():
        lines.append(f"{kind:37}" + "".join(f"{name:>10}" for name in names))
        for value, figures in of_kind.items():
            shown = [f"{figures['rows']:,.0f}", *(f"{figures[name]:.4f}" for name in names[1:])]
            lines.append(f"{value:37}" + "".join(f"{text:>10}" for text in shown))
    return "\n".join(lines)


def comparison_table(comparison: Comparison) -> str:
    """The differences with their intervals and p-values, and the examples that changed most, an output a line."""
    lines = [f"{'compared with':23}{comparison.file}", f"{'':25}{'difference':<27}p"]
    for name, d in comparison.differences.items():
        digits = digits_of(name)
        difference = f"{d.value:+.{digits}f} [{d.low:+.{digits}f}, {d.high:+.{digits}f}]"
        lines.append(f"{name:25}{difference:<27}{d.p:.4f}")
    lines.append(f"changed most ({comparison.metric}, ours - theirs)")
    for c in comparison.changes:
        ours, theirs = (escape(text) if "\n" in text else text for text in (c.output, c.other))
        lines += [f"  {c.ours - c.theirs:+.4f}  {c.id}", f"    ours    {ours}", f"    theirs  {theirs}"]
    if not comparison.changes:
        lines.append("  nothing: all outputs are the same")
    return "\n".join(lines)
