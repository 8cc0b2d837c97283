"""An Audit in words: the table that a prepare script prints, and `report.json`."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from toi.data.audit import TOKENIZED, Audit, BySplit, Note, Shared, TokenCounts, percentile
from toi.data.examples import SPLITS

FIRST_ROW = "the first row, as the model reads it, the loss on what stands in ⟦⟧"


def table(audit: Audit) -> str:
    """The audit as text."""
    lines = [*audit.files, _line("", SPLITS)]
    lines.append(_counted(f"{audit.unit} read", audit.read))
    lines.append(_counted("rows kept", audit.kept))
    for title, notes in (("dropped", audit.dropped), ("ambiguous", audit.ambiguous), ("noted", audit.noted)):
        counts = Counter((note.reason, note.split) for note in notes)
        for reason in sorted({reason for reason, _ in counts}):
            lines.append(_counted(f"{title}: {reason}", {split: counts[reason, split] for split in SPLITS}))
    for what, numbers in audit.counted.items():
        lines.append(_counted(what, numbers))
    for what, numbers in audit.shares.items():
        lines.append(_line(what, [_share(numbers[split], audit.kept[split]) for split in SPLITS]))
    for (part, unit), lengths in audit.lengths.items():
        lines.append(_line(f"{part} {unit}, median / 95% / most", [_summary(lengths[split]) for split in SPLITS]))
    if audit.tokens is not None:
        for name, limit, counts_by_split in _beyond(audit.tokens):
            lines.append(_counted(name if limit is None else f"{name} at {limit} tokens", counts_by_split))
    lines += [f"{_shared_name(shared)}: {count:,}" for shared, count in audit.shared.items()]
    if audit.tokens is not None:
        common = " ".join(f"{c}({n:,})" for c, n in audit.tokens.characters.most_common(10))
        lines.append(f"characters that {audit.tokenizer} does not know: {common or 'none'}")
    if audit.first_row is not None:
        lines.append(f"{FIRST_ROW}: {audit.first_row}")
    return "\n".join(lines)


def places(audit: Audit, most: int = 5) -> str:
    """Where the rows stand that were dropped, or of which something is noted: a line for each reason, with the first places."""
    found: dict[str, list[str]] = {}
    for split in SPLITS:
        for note in (*audit.dropped, *audit.noted):
            if note.split == split:
                found.setdefault(note.reason, []).append(note.id)
    lines = []
    for reason, ids in sorted(found.items()):
        rest = f", and {len(ids) - most:,} more in report.json" if len(ids) > most else ""
        lines.append(f"{reason}: {', '.join(ids[:most])}{rest}")
    return "\n".join(lines)


def reasons(notes: Iterable[Note], split: str) -> str:
    """Why questions of a split were dropped, with their numbers."""
    counts = Counter(note.reason for note in notes if note.split == split)
    return ", ".join(f"{reason} ({count})" for reason, count in sorted(counts.items()))


def report(audit: Audit) -> dict[str, Any]:
    """The audit as `report.json` has it."""
    tokens = audit.tokens
    others: dict[str, Any] = {}  # which most data sets have not
    if audit.files:
        others["files"] = audit.files
    if audit.first_row is not None:
        others["first_row"] = audit.first_row
    if audit.noted:
        others["noted"] = [{"split": split, "what": what, "id": id} for split, what, id in audit.noted]
    if counted := {**audit.counted, **audit.shares}:
        others["counted"] = {what: {split: counts[split] for split in SPLITS} for what, counts in counted.items()}
    return {
        "read": {split: audit.read[split] for split in SPLITS},
        "kept": {split: audit.kept[split] for split in SPLITS},
        "dropped": [{"split": split, "reason": reason, "id": id} for split, reason, id in sorted(audit.dropped)],
        "ambiguous": [{"split": split, "why": why, "id": id} for split, why, id in sorted(audit.ambiguous)],
        **others,
        "shared": {_shared_name(shared): count for shared, count in audit.shared.items()},
        "lengths": {
            f"{part} {unit}": {split: _distribution(lengths[split]) for split in SPLITS}
            for (part, unit), lengths in audit.lengths.items()
        },
        "tokenizer": audit.tokenizer,
        "limits": tokens.limits if tokens else {},
        "truncated": {name: counts for name, _, counts in _beyond(tokens)} if tokens else {},
        "unknown_characters": dict(tokens.characters.most_common(10)) if tokens else {},
    }


def _beyond(tokens: TokenCounts) -> Iterable[tuple[str, int | None, BySplit]]:
    """What a model would not see as it is: its name, the limit in tokens if there is one, rows (of `<unk>` tokens) by split."""
    for part in TOKENIZED:
        yield f"{part}s cut", tokens.limits[part], tokens.cut[part]
        yield f"<unk> in {part}s", None, tokens.unknown[part]
    if "answer" in tokens.cut:
        yield "answers cut", tokens.limits["source"], tokens.cut["answer"]


def _shared_name(shared: Shared) -> str:
    article = "an" if shared.part[0] in "aeiou" else "a"
    return f"{shared.split} rows with {article} {shared.part} of {shared.other}"


def _counted(name: str, counts: Mapping[str, int]) -> str:
    return _line(name, [f"{counts[split]:,}" for split in SPLITS])


def _line(name: str, values: Iterable[str]) -> str:
    return f"{name:58}" + "".join(f"{value:>22}" for value in values)


def _share(count: int, rows: int) -> str:
    return f"{count:,} ({count / rows:.0%})" if rows else f"{count:,}"


def _summary(lengths: Sequence[int]) -> str:
    if not lengths:  # a split that was not made
        return "-"
    counts = Counter(lengths)
    return f"{percentile(counts, 50):,} / {percentile(counts, 95):,} / {max(counts):,}"


def _distribution(lengths: Sequence[int]) -> dict[str, float]:
    if not lengths:
        return {}
    counts = Counter(lengths)
    return {
        "min": min(counts),
        "median": percentile(counts, 50),
        "mean": round(statistics.fmean(lengths), 2),
        "p95": percentile(counts, 95),
        "p99": percentile(counts, 99),
        "max": max(counts),
    }
