"""What became of a data set: counts, what is shared between splits, lengths; a table, `report.json`, `report.png`."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toi.data.examples import SPLITS, Example, Row
from toi.system.files import write_json
from toi.text.normalization import normalize, normalize_lines

Rows = Sequence[tuple[Row, Example]]


@dataclass
class Audit:
    """The account of one prepare run. Filled while rows are made, completed by `look_at`."""

    read: Counter[str] = field(default_factory=Counter)  # split -> questions
    kept: Counter[str] = field(default_factory=Counter)  # split -> rows
    dropped: list[tuple[str, str, str]] = field(default_factory=list)  # (split, reason, id)
    ambiguous: list[tuple[str, str, str]] = field(default_factory=list)  # (split, why, id); kept all the same
    shared: dict[str, int] = field(default_factory=dict)  # "contexts of train in dev" -> rows
    lengths: dict[str, dict[str, list[int]]] = field(default_factory=dict)  # what -> split -> of every row
    truncated: dict[str, dict[str, int]] = field(default_factory=dict)  # what -> split -> rows
    unknown: Counter[str] = field(default_factory=Counter)  # character without a token of its own -> times
    limits: dict[str, int] = field(default_factory=dict)
    tokenizer: str | None = None

    def drop(self, split: str, reason: str, id: str) -> None:
        """Note a question that makes no row."""
        self.dropped.append((split, reason, id))

    def doubt(self, split: str, why: str, id: str) -> None:
        """Note a row whose highlight may be another than the annotators meant."""
        self.ambiguous.append((split, why, id))

    def reasons(self, split: str) -> str:
        """Why questions of a split were dropped, with their numbers."""
        counts = Counter(reason for s, reason, _ in self.dropped if s == split)
        return ", ".join(f"{reason} ({count})" for reason, count in sorted(counts.items()))

    def look_at(self, rows: Mapping[str, Rows], tokenizer: str | None, max_input_length: int, max_target_length: int) -> None:
        """Compare the splits and measure the rows, in tokens too if a tokenizer is named.

        Raises InputError if there is no such tokenizer.
        """
        for left, right in (("train", "dev"), ("train", "test"), ("dev", "test")):
            for what in ("context", "question"):
                known = {normalize(getattr(example, what)) for _, example in rows[left]}
                count = sum(1 for _, example in rows[right] if normalize(getattr(example, what)) in known)
                self.shared[f"{right} rows with a {what} of {left}"] = count
        for name, measure in (
            ("source characters", lambda row, _: len(row.source)),
            ("target characters", lambda row, _: len(row.target)),
            ("context characters", lambda _, example: len(example.context)),
        ):
            self.lengths[name] = {split: [measure(*pair) for pair in rows[split]] for split in SPLITS}
        if tokenizer is not None:
            self._count_tokens(rows, tokenizer, max_input_length, max_target_length)

    def _count_tokens(self, rows: Mapping[str, Rows], name: str, max_input_length: int, max_target_length: int) -> None:
        from toi.data.tasks import HIGHLIGHT
        from toi.models.checkpoint import find, quiet
        from toi.models.tokenizer import load_tokenizer

        quiet()
        self.tokenizer, self.limits = name, {"source": max_input_length, "target": max_target_length}
        tokenizer = load_tokenizer(find(name, weights=False))
        tokenizer.add(HIGHLIGHT)
        characters: Counter[str] = Counter()
        for split in SPLITS:
            for what in ("source", "target"):
                encoded = tokenizer.encode_batch([getattr(row, what) for row, _ in rows[split]])
                self.lengths.setdefault(f"{what} tokens", {})[split] = [len(ids) for ids in encoded]
                cut = sum(len(ids) > self.limits[what] for ids in encoded)
                self.truncated.setdefault(f"{what}s cut", {})[split] = cut
                unknown = sum(ids.count(tokenizer.unk_id) for ids in encoded if tokenizer.unk_id is not None)
                self.truncated.setdefault(f"<unk> in {what}s", {})[split] = unknown
                for row, _ in rows[split]:
                    characters.update(getattr(row, what))
            self.truncated.setdefault("answers cut", {})[split] = sum(
                self._answer_is_cut(row, example, tokenizer, max_input_length) for row, example in rows[split]
            )
        missing = {c for c in characters if tokenizer.is_unknown(c)}
        self.unknown = Counter({c: n for c, n in characters.items() if c in missing})

    @staticmethod
    def _answer_is_cut(row: Row, example: Example, tokenizer: Any, limit: int) -> bool:
        """Whether the answer, in the source, ends behind the last token that is kept."""
        if not example.answers:
            return False
        end = row.source.rfind("<hl>")
        if end < 0:
            answer = (normalize_lines if "\n" in row.source else normalize)(example.answers[0].text)
            at = row.source.find(answer, max(0, row.source.find("context: ")))
            end = at + len(answer) if at >= 0 else 0
        # Where even the characters are fewer than the limit, so are the tokens (the bytes of rare ones apart).
        return len(row.source) * 3 >= limit and len(tokenizer.encode(row.source[:end])) > limit

    def table(self) -> str:
        """The audit as text."""
        lines = [_line("", SPLITS)]
        lines.append(_line("questions read", [f"{self.read[split]:,}" for split in SPLITS]))
        lines.append(_line("rows kept", [f"{self.kept[split]:,}" for split in SPLITS]))
        for title, notes in (("dropped", self.dropped), ("ambiguous", self.ambiguous)):
            counts = Counter((reason, split) for split, reason, _ in notes)
            for reason in sorted({reason for reason, _ in counts}):
                lines.append(_line(f"{title}: {reason}", [f"{counts[reason, split]:,}" for split in SPLITS]))
        for what, by_split in self.lengths.items():
            lines.append(_line(f"{what}, median / 95% / most", [_summary(by_split[split]) for split in SPLITS]))
        for what, counts_by_split in self.truncated.items():
            lines.append(_line(what + self._limit(what), [f"{counts_by_split[split]:,}" for split in SPLITS]))
        lines += [f"{what}: {count:,}" for what, count in self.shared.items()]
        if self.tokenizer is not None:
            common = " ".join(f"{c}({n:,})" for c, n in self.unknown.most_common(10))
            lines.append(f"characters that {self.tokenizer} does not know: {common or 'none'}")
        return "\n".join(lines)

    def _limit(self, what: str) -> str:
        if "<unk>" in what:
            return ""
        return f" at {self.limits['target' if what.startswith('target') else 'source']} tokens"

    def to_json(self) -> dict[str, Any]:
        """The audit as `report.json` has it."""
        return {
            "read": {split: self.read[split] for split in SPLITS},
            "kept": {split: self.kept[split] for split in SPLITS},
            "dropped": [{"split": split, "reason": reason, "id": id} for split, reason, id in sorted(self.dropped)],
            "ambiguous": [{"split": split, "why": why, "id": id} for split, why, id in sorted(self.ambiguous)],
            "shared": self.shared,
            "lengths": {what: {split: _distribution(v[split]) for split in SPLITS} for what, v in self.lengths.items()},
            "tokenizer": self.tokenizer,
            "limits": self.limits,
            "truncated": self.truncated,
            "unknown_characters": dict(self.unknown.most_common(10)),
        }

    def write(self, folder: Path) -> None:
        """Write `report.json` and `report.png`."""
        write_json(folder / "report.json", self.to_json())
        self._draw(folder / "report.png")

    def _draw(self, path: Path) -> None:
        """Histograms of the lengths, one panel each, a colour a split; what became of the questions beside them."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        columns = 3 if len(self.lengths) > 3 else 2
        figure = Figure(figsize=(4.4 * columns, 6), layout="constrained")
        axes = figure.subplots(2, columns).flatten()
        kept = [self.kept[split] for split in SPLITS]
        lost = [sum(1 for s, _, _ in self.dropped if s == split) for split in SPLITS]
        axes[0].bar(SPLITS, kept, label="kept", color="#4c72b0")
        axes[0].bar(SPLITS, lost, bottom=kept, label="dropped", color="#c44e52")
        axes[0].set_title("questions")
        axes[0].legend(frameon=False)
        for axis, (what, by_split) in zip(axes[1:], self.lengths.items(), strict=True):
            # The longest percent would press the rest together.
            longest = max(_percentile(by_split[split], 99) for split in SPLITS)
            width = max(1, -(-longest // 30))  # bins of whole characters, else some hold more lengths than others
            for split in SPLITS:
                values = [value for value in by_split[split] if value <= longest]
                axis.hist(values, bins=range(0, longest + 2 * width, width), density=True, histtype="step", label=split)
            axis.set_title(f"{what} (up to the 99% quantile)", fontsize=10)
            axis.set_yticks([])
            if "tokens" in what and self.limits[what.split()[0]] <= longest:
                axis.axvline(self.limits[what.split()[0]], color="black", linewidth=0.8, linestyle=":", label="limit")
            axis.legend(frameon=False)
        for axis in axes:
            axis.spines[["top", "right"]].set_visible(False)
        FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})


def _line(name: str, values: Iterable[str]) -> str:
    return f"{name:58}" + "".join(f"{value:>22}" for value in values)


def _percentile(values: Sequence[int], percent: int) -> int:
    """The smallest value that is not below `percent` of the values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _summary(values: Sequence[int]) -> str:
    return f"{_percentile(values, 50):,} / {_percentile(values, 95):,} / {max(values):,}"


def _distribution(values: Sequence[int]) -> dict[str, float]:
    return {
        "min": min(values),
        "median": _percentile(values, 50),
        "mean": round(statistics.fmean(values), 2),
        "p95": _percentile(values, 95),
        "p99": _percentile(values, 99),
        "max": max(values),
    }
