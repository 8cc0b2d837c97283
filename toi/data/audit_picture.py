"""`report.png`: an Audit as histograms."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toi.data.audit import Audit, Measured, percentile
from toi.data.examples import SPLITS


def draw(audit: Audit, path: Path) -> None:
    """Histograms of the lengths, one panel each, a colour a split; what became of the questions beside them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    limits = audit.tokens.limits if audit.tokens else {}
    columns = 3 if len(audit.lengths) > 3 else 2
    figure = Figure(figsize=(4.4 * columns, 6), layout="constrained")
    axes = figure.subplots(2, columns).flatten()
    _draw_questions(axes[0], audit)
    for axis, (measured, lengths) in zip(axes[1:], audit.lengths.items(), strict=True):
        _draw_lengths(axis, measured, lengths, limits[measured.part] if measured.unit == "tokens" else None)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})


def _draw_questions(axis: Any, audit: Audit) -> None:
    kept = [audit.kept[split] for split in SPLITS]
    lost = [sum(note.split == split for note in audit.dropped) for split in SPLITS]
    bars = axis.bar(SPLITS, kept, label="kept", color="#4c72b0")
    axis.bar_label(bars, [f"{count:,}" if count else "" for count in kept], label_type="center", color="white")
    axis.bar(SPLITS, lost, bottom=kept, label="dropped", color="#c44e52")
    axis.set_title(audit.unit)
    axis.legend(frameon=False)


def _draw_lengths(axis: Any, measured: Measured, lengths: dict[str, Sequence[int]], limit: int | None) -> None:
    # The longest percent would press the rest together, and of few rows a single one.
    made = {split: Counter(lengths[split]) for split in SPLITS if lengths[split]}
    longest = max(min(percentile(counts, 99), 3 * percentile(counts, 90)) for counts in made.values())
    width = max(1, -(-longest // 30))  # bins of whole characters, else some hold more lengths than others
    for split, counts in made.items():
        shown = {length: count for length, count in counts.items() if length <= longest}
        bins = range(0, longest + 2 * width, width)
        axis.hist(list(shown), weights=list(shown.values()), bins=bins, density=True, histtype="step", label=split)
    axis.set_title(f"{measured.part} {measured.unit} (up to {longest:,})", fontsize=10)
    axis.set_yticks([])
    if limit is not None and limit <= longest:
        axis.axvline(limit, color="black", linewidth=0.8, linestyle=":", label="limit")
    axis.legend(frameon=False)
